"""How much values and verdicts vary between draws of the images."""

from collections import Counter

from markupsafe import Markup

from polyscale.records import Contrast, DrawKind, DrawnContrast, Repeats
from polyscale.report.numbers import interval_limit
from polyscale.report.render import render
from polyscale.report.run import Run
from polyscale.report.sections.answer import TAGS
from polyscale.report.sides import scale_gains
from polyscale.stats import find_contrast

COVERS: dict[DrawKind, str] = {
    "split": "The interval of this run covers the choice of test images only. That of all draws "
    "covers the choice of training and test images: it is the corrected resampled t interval "
    "(Nadeau and Bengio 2003), around the mean over this run and its repeats.",
    "training": "The interval of this run covers the choice of test images only. That of all draws "
    "also covers the choice of training images: the variance over the draws is added. Half-samples "
    "differ about as much as new training sets of the full size would (McCarthy 1969).",
}


def repeats_section(run: Run) -> Markup | None:
    """Values of each draw, how often each outcome occurs, and intervals that cover the draw."""
    if run.repeats is None:
        return None
    values = {name: [draw.values[name] for draw in run.repeats.draws] for name in run.rows}
    every = [value for own in values.values() for value in own] + [r.value for r in run.results]
    pairs = [(contrast, drawn_contrast(run.repeats, contrast)) for contrast in key_contrasts(run)]
    return render(
        "repeats.html",
        run=run,
        repeats=run.repeats,
        values=values,
        ends=(min(every), max(every)),
        outcomes=outcome_sentences(run, run.repeats),
        pairs=pairs,
        limit=interval_limit((c.ci_low, c.ci_high) for pair in pairs for c in pair),
        covers=COVERS[run.repeats.drawn],
    )


def outcome_sentences(run: Run, repeats: Repeats) -> list[str]:
    """How often each candidate is the one to take, and how often each verdict comes out."""
    num = len(repeats.draws)
    taken = Counter(run.names[d.recommended] for d in repeats.draws if d.recommended)
    sentences = [f"What to take in {num} draws: {_counted(taken)}."] if taken else []
    for verdict in run.verdicts:
        outcomes = (draw.outcomes.get(verdict.family) for draw in repeats.draws)
        counts = Counter(TAGS[outcome] for outcome in outcomes if outcome is not None)
        sentences.append(
            f"Verdict on {verdict.family}: {TAGS[verdict.outcome]} in this run; "
            f"in {num} draws: {_counted(counts)}."
        )
    return sentences


def _counted(counts: Counter[str]) -> str:
    """`several scales win (7), can’t tell (3)`: the most frequent first."""
    return ", ".join(f"{text} ({num})" for text, num in counts.most_common())


def key_contrasts(run: Run) -> list[Contrast]:
    """Those that verdicts rest on, and several scales against scale 1; each once."""
    contrasts = [*(verdict.contrast for verdict in run.verdicts), *scale_gains(run)]
    return list({(c.first, c.second): c for c in contrasts}.values())


def drawn_contrast(repeats: Repeats, contrast: Contrast) -> DrawnContrast:
    """The same two candidates over all draws, in the same order."""
    return find_contrast(repeats.contrasts, contrast.first, contrast.second)
