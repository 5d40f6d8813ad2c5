"""Recipes as tables and lines."""

import json
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from polyscale.studies.recipes import ReadyRecipe, RecipeSize, RecipeTimes
from polyscale.types.recipe import Recipe

Lines = Iterator[str | Table]


def show_lines(recipe: Recipe, size: RecipeSize) -> Lines:
    """A recipe with the paper's figures, and what all of ImageNet would take."""
    yield f"{recipe.name}: ImageNet-1k top-1, {recipe.place} (Shi et al. 2024, arXiv 2403.13043v2)"
    table = _table("candidate", "model", "tiles", "GMACs", "columns", "paper's top-1, %")
    for entry, cost in zip(recipe.entries, size.candidates, strict=True):
        table.add_row(
            str(cost.candidate),
            entry.checkpoint.model,
            f"{cost.num_tiles}",
            f"{cost.macs / 1e9:.1f}",
            f"{cost.feature_dim}",
            "" if entry.top1 is None else f"{entry.top1:.1f}",
        )
    yield table
    yield f"the paper finds: {recipe.finding}"
    yield ""
    weights = _table("weights", "parameters, M", "file, GB", "licence", "local folder")
    for checkpoint in recipe.checkpoints:
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
    yield f"all of ImageNet-1k, {size.num_train} + {size.num_test} images:"
    yield from (f"  {line}" for line in _size_lines(size))
    fits = size.fitting_per_class(64 * 10**9)
    yield (
        "  all but the downloads shrinks with --per-class: 64 GB of memory hold about "
        f"--per-class {fits}"
    )


def forecast_lines(size: RecipeSize, times: RecipeTimes) -> Lines:
    """What a run will take here."""
    yield (f"{size.num_train} training and {size.num_test} test images, {size.num_classes} classes")
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
        f"{times.images_per_s:.0f} images/s, which overlap; the paper's probe "
        f"{_duration(times.probe_s)} at {times.probe_macs_per_s / 1e9:.0f} GMACs/s"
    )
    yield "rates were measured just now, on a block of ViT-B and by one thread that reads"


def outcome_lines(ready: ReadyRecipe, out: Path) -> Lines:
    """Our figures beside the paper's."""
    rows = json.loads((out / "results.json").read_text(encoding="utf-8"))
    ours = {row["candidate"]: row for row in rows}
    table = _table("candidate", "top-1 here, %", "95 %", "paper, %")
    for entry, candidate in zip(ready.recipe.entries, ready.candidates, strict=True):
        row = ours.get(str(candidate))
        table.add_row(
            str(candidate),
            f"{100 * row['value']:.1f}" if row else "failed",
            f"{100 * row['ci_low']:.1f} – {100 * row['ci_high']:.1f}" if row else "",
            "" if entry.top1 is None else f"{entry.top1:.1f}",
        )
    yield table
    yield "The paper's figures are for all of ImageNet-1k."


def _size_lines(size: RecipeSize) -> Iterator[str]:
    yield (
        f"{size.tiles:,} tiles, {size.macs / 1e12:,.0f} TMACs; scales that candidates "
        "share are computed once"
    )
    yield (
        f"disk: {_bytes(size.feature_bytes)} of features in the cache, downloads of at most "
        f"{_bytes(size.download_bytes)}"
    )
    yield (
        f"memory: about {_bytes(size.memory_bytes)} for features and probabilities at the peak, "
        "beside the model"
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
