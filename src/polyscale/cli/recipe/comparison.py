"""Recipes of comparisons: ImageNet, ADE20K and NYUv2."""

import json
from collections.abc import Iterator
from pathlib import Path

from rich.filesize import decimal

from polyscale.cli.compare import run_plan
from polyscale.cli.console import make_table
from polyscale.cli.recipe.kind import Kind, Lines, RunOptions, heading, what_is_stated
from polyscale.data import default_inspection_cache
from polyscale.features import default_cache
from polyscale.progress import progress_bars
from polyscale.records import METRICS
from polyscale.studies import check_out
from polyscale.studies.recipes import (
    PreparedRecipe,
    Rates,
    Recipe,
    RecipeSize,
    check_memory,
    fetch_weights,
    fitting_per_class,
    measure_rates,
    prepare_recipe,
    size_recipe,
)
from polyscale.tasks import get_task

DECIMALS = {"%": 1, "m": 4}
"""Decimals of the paper's figures, by the unit of the metric."""


def show(recipe: Recipe) -> Lines:
    """The recipe with the paper's figures, and what all images of its data set would take."""
    data, size = recipe.data, size_recipe(recipe)
    yield heading(recipe, f"{data.name} {data.measure}")
    measure = f"paper's {recipe.data.measure}, {METRICS[recipe.data.metric].unit}"
    yield make_table(
        ("candidate", "model", "tiles", "GMACs", "columns", measure),
        (
            (
                str(cost.candidate),
                entry.checkpoint.model,
                f"{cost.num_tiles}",
                f"{cost.macs / 1e9:.1f}",
                f"{cost.feature_dim}",
                _value(recipe, entry.published),
            )
            for entry, cost in zip(recipe.entries, size.candidates, strict=True)
        ),
    )
    yield f"The paper's finding: {recipe.finding}"
    yield ""
    yield make_table(
        ("weights", "parameters, M", "file, GB", "licence", "local folder"),
        (
            (c.repository, f"{c.params_m:.1f}", f"{c.download_gb:.1f}", c.licence, c.folder)
            for c in recipe.repositories
        ),
    )
    yield from what_is_stated(recipe)
    yield f"All of {data.name}, {_samples(recipe)}, takes:"
    yield from (f"  {line}" for line in _size_lines(size))
    if get_task(recipe.task).settings_type.features == "pooled":
        per_class = fitting_per_class(recipe, size, 64 * 10**9)
        yield (
            "  All but the downloads shrinks with --per-class; 64 GB of memory hold about "
            f"--per-class {per_class}."
        )
    else:
        yield "  For a trial use --limit N (images of each split) and --steps N (of each head)."


Prepared = tuple[PreparedRecipe, RecipeSize]


def prepare(recipe: Recipe, options: RunOptions) -> Prepared:
    """The recipe with the user's data and weights, and how large it is."""
    prepared = prepare_recipe(
        recipe.name,
        options.data,
        weights_dir=options.weights_dir,
        per_class=options.per_class,
        limit=options.limit,
        given=options.given,
    )
    settings, folder = prepared.settings, prepared.weights_dir
    return prepared, size_recipe(prepared.recipe, settings, weights_dir=folder)


def costs(sized: Prepared, _: RunOptions) -> Lines:
    """The tiles, memory and time of a run on the user's images and this machine."""
    prepared, size = sized
    return _forecast(prepared.recipe, size, measure_rates(prepared))


def run(sized: Prepared, options: RunOptions) -> Lines:
    """Run the recipe; its results beside the paper's figures.

    Raises:
        InputError: if memory is too small.
        RunError: if weights cannot be had, or every candidate fails.
    """
    (prepared, size), out, cache = sized, options.out, options.cache
    check_memory(prepared.recipe, size)
    check_out(out)
    fetch_weights(prepared.recipe, prepared.weights_dir)
    with progress_bars() as progress:
        plan = prepared.plan(image_cache=cache or default_inspection_cache(), progress=progress)
    run_plan(plan, out, cache=cache or default_cache())
    return _outcome(prepared, out)


def _samples(recipe: Recipe) -> str:
    data, task = recipe.data, get_task(recipe.task)
    return f"{data.num_train:,} {task.train_samples} and {data.num_test:,} {task.samples}"


def _forecast(recipe: Recipe, size: RecipeSize, rates: Rates) -> Lines:
    """The tiles, time and memory that a run needs on the user's images and this machine."""
    num_classes = recipe.data.num_classes
    yield f"{_samples(recipe)}{f', {num_classes} classes' if num_classes else ''}"
    yield make_table(
        ("candidate", "tiles an image", "GMACs an image", "columns"),
        (
            (str(c.candidate), f"{c.num_tiles}", f"{c.macs / 1e9:.2f}", f"{c.feature_dim}")
            for c in size.candidates
        ),
    )
    yield from _size_lines(size)
    yield (
        f"Time, within a factor of three: backbones {_duration(size.macs / rates.macs_per_s)} at "
        f"{rates.macs_per_s / 1e9:.0f} GMACs/s; reading images, at the same time, "
        f"{_duration(size.images_read / rates.images_per_s)} at {rates.images_per_s:.0f} images/s; "
        f"the paper's heads {_duration(size.head_macs / rates.head_macs_per_s)} at "
        f"{rates.head_macs_per_s / 1e9:.0f} GMACs/s."
    )
    yield "These rates were measured just now, with a block of ViT-B and one thread that reads."


def _outcome(prepared: PreparedRecipe, out: Path) -> Lines:
    """The results beside the paper's figures."""
    recipe = prepared.recipe
    metric = METRICS[recipe.data.metric]
    rows = json.loads((out / "results.json").read_text(encoding="utf-8"))
    results = {row["candidate"]: row for row in rows}
    factor = 100 if metric.unit == "%" else 1

    def cells() -> Iterator[tuple[str, ...]]:
        for entry, candidate in zip(recipe.entries, prepared.candidates, strict=True):
            value, interval = "failed", ""
            if row := results.get(str(candidate)):
                value, low, high = (
                    _value(recipe, factor * row[key]) for key in ("value", "ci_low", "ci_high")
                )
                interval = f"{low} – {high}"
            yield str(candidate), value, interval, _value(recipe, entry.published)

    yield make_table(
        ("candidate", f"{recipe.data.measure} here, {metric.unit}", "95 %", "paper"), cells()
    )
    direction = "" if metric.higher_is_better else " Less is better."
    yield f"The paper's figures are for all of {recipe.data.name}.{direction}"


def _value(recipe: Recipe, value: float | None) -> str:
    """A value with as many decimals as in the paper's tables."""
    return "" if value is None else f"{value:.{DECIMALS[METRICS[recipe.data.metric].unit]}f}"


def _size_lines(size: RecipeSize) -> Iterator[str]:
    augmented = size.augmented_images
    again = f", and {augmented:,} augmented images for each candidate" if augmented else ""
    yield (
        f"Backbones: {size.tiles:,} tiles, {size.macs / 1e12:,.0f} TMACs, for {size.kept_images:,} "
        f"images or views of them, which run once{again}. Scales that candidates share are "
        "computed once where they are kept."
    )
    yield f"Heads: {size.head_macs / 1e12:,.0f} TMACs."
    yield (
        f"Disk: {decimal(size.feature_bytes)} of features in the cache, and downloads of at most "
        f"{decimal(size.download_bytes)}."
    )
    yield (
        f"Memory: about {decimal(size.memory_bytes)} at the peak for features and predictions, in "
        "addition to the models."
    )


def _duration(seconds: float) -> str:
    """A time in words, rounded to two digits, because the estimate may be off by a factor of 3."""
    for unit, length in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{_two_digits(seconds / length)} {unit}"
    return f"{_two_digits(seconds)} s"


def _two_digits(value: float) -> str:
    return f"{float(f'{value:.2g}'):,.{0 if value >= 9.5 else 1}f}"


KIND = Kind(
    recipe=Recipe,
    data=lambda recipe: recipe.data.name,
    show=show,
    prepare=prepare,
    costs=costs,
    run=run,
)
