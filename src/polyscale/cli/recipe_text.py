"""Recipes as tables and lines."""

import json
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from polyscale.records import METRICS
from polyscale.studies.recipes import ReadyRecipe, RecipeSize, RecipeTimes
from polyscale.types.recipe import Recipe

Lines = Iterator[str | Table]

DECIMALS = {"%": 1, "m": 4}
"""Of the paper's figures, by the unit of the metric."""


def show_lines(recipe: Recipe, size: RecipeSize) -> Lines:
    """A recipe with the paper's figures, and what all of its data would take."""
    yield (
        f"{recipe.name}: {recipe.data.name} {recipe.measure}, {recipe.place} "
        "(Shi et al. 2024, arXiv 2403.13043v2)"
    )
    printed = f"paper's {recipe.measure}, {METRICS[recipe.metric].unit}"
    table = _table("candidate", "model", "tiles", "GMACs", "columns", printed)
    for entry, cost in zip(recipe.entries, size.candidates, strict=True):
        table.add_row(
            str(cost.candidate),
            entry.checkpoint.model,
            f"{cost.num_tiles}",
            f"{cost.macs / 1e9:.1f}",
            f"{cost.feature_dim}",
            _printed(recipe, entry.printed),
        )
    yield table
    yield f"the paper finds: {recipe.finding}"
    yield ""
    weights = _table("weights", "parameters, M", "file, GB", "licence", "local folder")
    for checkpoint in recipe.repositories:
        weights.add_row(
            checkpoint.repository,
            f"{checkpoint.params_m:.1f}",
            f"{checkpoint.download_gb:.1f}",
            checkpoint.licence,
            checkpoint.folder,
        )
    yield weights
    yield "stated by the paper:"
    yield from (f"  {line}" for line in recipe.stated)
    yield "left open by it, and chosen here:"
    yield from (f"  {line}" for line in recipe.chosen)
    counts = size.counts
    yield f"all of {recipe.data.name}, {counts.num_train} + {counts.num_test} images:"
    yield from (f"  {line}" for line in _size_lines(size))
    yield f"  {size.work.trial(size.memory_bytes)}"


def forecast_lines(ready: ReadyRecipe, size: RecipeSize, times: RecipeTimes) -> Lines:
    """What a run will take here."""
    counts = size.counts
    classes = f", {counts.num_classes} classes" if counts.num_classes else ""
    yield f"{counts.num_train} training and {counts.num_test} test images{classes}"
    table = _table("candidate", "tiles an image", "GMACs an image", "columns")
    for cost in size.candidates:
        table.add_row(
            str(cost.candidate),
            f"{cost.num_tiles}",
            f"{cost.macs / 1e9:.2f}",
            f"{cost.feature_dim}",
        )
    yield table
    yield from _size_lines(size)
    yield (
        f"time, within a factor of three: backbones {_duration(times.model_s)} at "
        f"{times.macs_per_s / 1e9:.0f} GMACs/s, reading images {_duration(times.read_s)} at "
        f"{times.images_per_s:.0f} images/s, which overlap; the paper's heads "
        f"{_duration(times.head_s)} at {times.head_macs_per_s / 1e9:.0f} GMACs/s"
    )
    yield "rates were measured just now, on a block of ViT-B and by one thread that reads"


def outcome_lines(ready: ReadyRecipe, out: Path) -> Lines:
    """Our figures beside the paper's."""
    recipe = ready.recipe
    metric = METRICS[recipe.metric]
    rows = json.loads((out / "results.json").read_text(encoding="utf-8"))
    ours = {row["candidate"]: row for row in rows}
    share = 100 if metric.unit == "%" else 1
    table = _table("candidate", f"{recipe.measure} here, {metric.unit}", "95 %", "paper")
    for entry, candidate in zip(recipe.entries, ready.candidates, strict=True):
        row = ours.get(str(candidate))
        value, low, high = (
            _printed(recipe, share * row[key]) if row else ""
            for key in ("value", "ci_low", "ci_high")
        )
        table.add_row(
            str(candidate),
            value or "failed",
            f"{low} – {high}" if row else "",
            _printed(recipe, entry.printed),
        )
    yield table
    less = "" if metric.higher_is_better else " Less is better."
    yield f"The paper's figures are for all of {recipe.data.name}.{less}"


def _printed(recipe: Recipe, value: float | None) -> str:
    """As the paper's tables have it: per cent, or metres."""
    return "" if value is None else f"{value:.{DECIMALS[METRICS[recipe.metric].unit]}f}"


def _size_lines(size: RecipeSize) -> Iterator[str]:
    work = size.work
    views = work.kept_images
    anew = f", and {work.trained_images:,} anew for each candidate" if work.trained_images else ""
    yield (
        f"{size.tiles:,} tiles, {size.macs / 1e12:,.0f} TMACs: {views:,} images or views of them "
        f"once{anew}; scales that candidates share are computed once where they are kept"
    )
    yield f"heads: {size.head_macs / 1e12:,.0f} TMACs"
    yield (
        f"disk: {_bytes(size.feature_bytes)} of features in the cache, downloads of at most "
        f"{_bytes(size.download_bytes)}"
    )
    yield (
        f"memory: about {_bytes(size.memory_bytes)} for features and what heads say of them at the "
        "peak, beside models"
    )


def _table(first: str, *others: str) -> Table:
    table = Table(box=None)
    table.add_column(first, overflow="fold")
    for head in others:
        table.add_column(head, justify="right")
    return table


def _bytes(number: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number / 1e3:.1f} kB"


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"
