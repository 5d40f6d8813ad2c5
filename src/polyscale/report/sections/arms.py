"""The four arms of Table 4: pre-training with S², afterwards, or a larger model."""

from markupsafe import Markup

from polyscale.report.arms_words import arms_sentence
from polyscale.report.numbers import interval_limit
from polyscale.report.render import render
from polyscale.report.run import Run

PAPER = (
    ("ViT, ImageNet-21k", (80.3, 81.1, 81.6, 82.4)),
    ("DINOv2", (77.6, 78.4, 81.9, 80.4)),
)
"""Accuracies of Table 4 on ImageNet-1k: base, S² after, larger, S² during."""


def arms_section(run: Run) -> Markup | None:
    """What each arm reaches and what it costs to train, and the pairs that matter."""
    arms = run.arms
    if arms is None:
        return None
    least = min(arm.train_macs for arm in arms.arms)
    values = [value for arm in arms.arms for value in arm.values]
    return render(
        "arms.html",
        run=run,
        arms=arms,
        least=least,
        ends=(min(values), max(values)),
        limit=interval_limit((c.both_low, c.both_high) for c in arms.contrasts),
        sentences=[arms_sentence(run, arms, contrast) for contrast in arms.contrasts],
        paper=PAPER,
    )
