"""A recipe of capacity as tables and lines, and how it runs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from polyscale.cli.compare import run_plan
from polyscale.cli.console import make_table
from polyscale.errors import InputError
from polyscale.progress import progress_bars
from polyscale.studies.recipes import ImageNetCapacityRecipe, check_folders, count_tiles
from polyscale.studies.recipes.capacity import NUM_CLASSES, PER_CLASS

Lines = Iterator[str | Table]


def capacity_lines(recipe: ImageNetCapacityRecipe) -> Lines:
    """The recipe with the paper's figures, and what it costs."""
    yield f"{recipe.name}: ImageNet-1k, {recipe.place} (Shi et al. 2024, arXiv 2403.13043v2)"
    yield from capacity_costs(recipe)
    yield f"The paper's finding: {recipe.finding}"
    yield "Stated by the paper:"
    yield from (f"  {line}" for line in recipe.stated)
    yield "Left open by the paper, and chosen here:"
    yield from (f"  {line}" for line in recipe.chosen)


def capacity_costs(recipe: ImageNetCapacityRecipe, per_class: int | None = None) -> Lines:
    """Each candidate with the paper's loss, and what all images take."""
    yield make_table(
        ("candidate", "paper, nats", "tiles", "GMACs", "weights, GB", "licence", "local folder"),
        (
            (
                str(entry.candidate()),
                f"{entry.published:.3f}",
                f"{(counted := count_tiles(entry.checkpoint, entry.scales))[0]}",
                f"{counted[1] / 1e9:.1f}",
                f"{entry.checkpoint.download_gb:.1f}",
                entry.checkpoint.licence,
                entry.checkpoint.folder,
            )
            for entry in recipe.entries
        ),
    )
    num = (per_class or PER_CLASS) * NUM_CLASSES
    models, heads = recipe.macs(num)
    yield (
        f"{num:,} images: {models / 1e15:.2f} × 10¹⁵ multiply-adds in models, and "
        f"{heads / 1e12:.0f} × 10¹² in each round of trainings of layers, of which there are three "
        "or more."
    )


def run_capacity(
    recipe: ImageNetCapacityRecipe,
    data: str,
    out: Path,
    *,
    weights_dir: Path | None,
    per_class: int | None,
    given: Mapping[str, Any],
    cache: Path | None,
) -> Lines:
    """Run it, and give the paper's figures.

    Raises:
        InputError: if the data are not ImageNet's, weights are missing, or an option has no use.
        RunError: if weights cannot be had, or a candidate fails.
    """
    from polyscale.data import default_inspection_cache
    from polyscale.features import default_cache
    from polyscale.studies import check_out, plan_compare
    from polyscale.studies.recipes import fetch_weights

    scheme, _, path = data.partition(":")
    if scheme != "imagenet" or not path:
        raise InputError(
            f"data of recipe {recipe.name} must be imagenet:PATH, but got {data!r}. "
            "For other images use polyscale capacity."
        )
    if given.get("steps") is not None:
        raise InputError(f"steps must not be given for {recipe.name}, which counts epochs.")
    check_out(out)
    folder = None if weights_dir is None else check_folders(recipe, weights_dir)
    fetch_weights(recipe, folder)
    settings = {name: given[name] for name in ("dtype", "seed", "device") if given.get(name)}
    with progress_bars() as progress:
        plan = plan_compare(
            data if "?" in path else f"{data}?per_class={per_class or PER_CLASS}",
            [entry.candidate(folder) for entry in recipe.entries],
            recipe.settings(**settings),
            image_cache=cache or default_inspection_cache(),
            progress=progress,
        )
    run_plan(plan, out, cache=cache or default_cache())
    figures = (f"{entry.candidate(folder)}: {entry.published:.3f}" for entry in recipe.entries)
    yield f"The paper's figures, in nats: {'; '.join(figures)}"
