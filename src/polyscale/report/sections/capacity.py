"""Capacity: how well a linear layer memorises its images, and how well it learns their classes."""

from dataclasses import dataclass

from markupsafe import Markup

from polyscale.records import Capacity, Contrast, FittedLayer
from polyscale.report.metric_words import MetricWords
from polyscale.report.numbers import interval_limit
from polyscale.report.render import render
from polyscale.report.run import Run
from polyscale.report.sides import scale_gains
from polyscale.stats import find_contrast


@dataclass(frozen=True, kw_only=True)
class LossTable:
    """One of the losses: its words, the layers in the order of the page, the pairs that matter."""

    words: MetricWords
    chance: float
    layers: tuple[FittedLayer, ...]
    contrasts: tuple[Contrast, ...]


def capacity_section(run: Run) -> Markup | None:
    """Both losses, with the layers behind them."""
    capacity = run.capacity
    if capacity is None:
        return None
    widest = max(layer.feature_dim for layer in capacity.layers)
    return render(
        "capacity.html",
        run=run,
        capacity=capacity,
        tables=loss_tables(run, capacity),
        limit=interval_limit((c.ci_low, c.ci_high) for c in capacity.contrasts),
        widest=widest if widest >= capacity.num_images else None,
    )


def loss_tables(run: Run, capacity: Capacity) -> list[LossTable]:
    """A table for each loss, memorisation first."""
    verdicts = [verdict.contrast for verdict in run.verdicts]
    pairs = {(c.first, c.second) for c in [*verdicts, *scale_gains(run)]}
    return [
        LossTable(
            words=run.score_words(loss),
            chance=chance,
            layers=tuple(capacity.layer(name, loss) for name in run.rows),
            contrasts=tuple(
                find_contrast([c for c in capacity.contrasts if c.metric == loss], *pair)
                for pair in sorted(pairs)
            ),
        )
        for loss, chance in capacity.chance.items()
    ]
