"""What the larger model has that smaller ones lack: information, directions, places."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from math import sqrt
from typing import Any

import numpy as np
from markupsafe import Markup

from polyscale.records import QUANTILES, Reconstruction, ReconstructionRow
from polyscale.report.map_pictures import losses_css, losses_uri
from polyscale.report.names import COLOURS
from polyscale.report.plot import Plot, Series, place
from polyscale.report.reconstruction_words import (
    interval_text,
    is_reconstruction,
    reconstruction_sentences,
    target_name,
)
from polyscale.report.render import render
from polyscale.report.run import Residuals, Run

LEAST = -0.25
"""Lower end of charts: on channels that hardly vary, a map may be far worse than a constant."""

RANK_TICKS = (1, 10, 100, 1000)

NUM_OPEN = 4
"""Images that are shown at once; the others are in a box that opens."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An image, and for each candidate a picture of its losses and their mean."""

    image: Residuals
    uris: Mapping[str, str]
    means: Mapping[str, float]


def reconstruction_section(run: Run) -> Markup | None:
    """Figures, charts and pictures, where a run asks for nothing but a reconstruction."""
    return _section(run, run.reconstruction) if is_reconstruction(run) else None


def larger_model_section(run: Run) -> Markup | None:
    """The same for a run that compares models and also reconstructs the larger one."""
    return None if is_reconstruction(run) else _section(run, run.reconstruction)


def _section(run: Run, found: Reconstruction | None) -> Markup | None:
    if found is None:
        return None
    rows = {split: found.of(split) for split in ("test", "train")}
    colours = {
        name: f"var(--mark-{number % len(COLOURS)})" for number, name in enumerate(rows["test"])
    }
    limit = _limit(run)
    return render(
        "reconstruction.html",
        run=run,
        found=found,
        names={name: run.names[name] for name in rows["test"]},
        target=target_name(run, found),
        rows=rows,
        sentences=reconstruction_sentences(run),
        interval=interval_text,
        colours=colours,
        directions=_directions(found, rows["test"], colours),
        channels=_channels(rows["test"], colours),
        pictures=[_shown(residuals, limit) for residuals in run.residuals],
        limit=limit,
        losses_css=losses_css(),
        num_open=NUM_OPEN,
    )


def _directions(
    found: Reconstruction, rows: Mapping[str, ReconstructionRow], colours: Mapping[str, str]
) -> Plot:
    """The share of the target's variance that is explained, by the rank of its directions."""
    ends = [*found.ranks[1:], found.target_dim + 1]
    middles = [sqrt(start * (end - 1)) for start, end in zip(found.ranks, ends, strict=True)]
    return place(
        [
            Series(x=middles, y=[max(LEAST, e) for e in row.explained], style="solid", colour=c)
            for row, c in ((row, colours[name]) for name, row in rows.items())
        ],
        x_label="principal direction of the target, the widest first",
        x_text=lambda rank: f"{rank:g}",
        x_at=RANK_TICKS,
        y_text=lambda share: f"{100 * share:.0f} %",
    )


def _channels(rows: Mapping[str, ReconstructionRow], colours: Mapping[str, str]) -> Plot:
    """R² of the channels in rising order."""
    return place(
        [
            Series(x=QUANTILES, y=[max(LEAST, r) for r in row.r2], style="solid", colour=c)
            for row, c in ((row, colours[name]) for name, row in rows.items())
        ],
        x_label="share of the target’s channels with a lower R²",
        x_text=lambda share: f"{100 * share:.0f} %",
        y_text=lambda r2: f"{r2:g}",
    )


def _limit(run: Run) -> float:
    """Loss at the end of the colours: that of the constant, or what few cells exceed."""
    maps: Any = chain.from_iterable(residuals.losses.values() for residuals in run.residuals)
    losses = [own.losses for own in maps]
    return max(1.0, float(np.percentile(np.concatenate(losses), 98))) if losses else 1.0


def _shown(residuals: Residuals, limit: float) -> Shown:
    cells = {
        name: np.reshape(own.losses, (own.height, own.width))
        for name, own in residuals.losses.items()
    }
    return Shown(
        image=residuals,
        uris={name: losses_uri(own, limit) for name, own in cells.items()},
        means={name: float(own.mean()) for name, own in cells.items()},
    )
