"""A recipe of a reconstruction as tables and lines, and how it runs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.filesize import decimal
from rich.table import Table

from polyscale.cli.compare import run_plan
from polyscale.cli.console import make_table
from polyscale.errors import InputError
from polyscale.progress import progress_bars
from polyscale.studies.recipes import ReconstructionRecipe, check_folders, count_tiles
from polyscale.studies.recipes.reconstruction import NUM_CLASSES, PER_CLASS

Lines = Iterator[str | Table]

SPLITS = ("train images", "test images")


def reconstruction_lines(recipe: ReconstructionRecipe) -> Lines:
    """The recipe with the paper's figures, and what it costs."""
    yield f"{recipe.name}: ImageNet-1k, {recipe.place} (Shi et al. 2024, arXiv 2403.13043v2)"
    yield f"Target: {recipe.target.repository}. Upper bound: {recipe.upper.repository}."
    yield "The paper's figures:"
    yield published_table(recipe)
    yield f"The paper's finding: {recipe.finding}"
    yield ""
    yield from reconstruction_costs(recipe)
    yield "Stated by the paper:"
    yield from (f"  {line}" for line in recipe.stated)
    yield "Left open by the paper, and chosen here:"
    yield from (f"  {line}" for line in recipe.chosen)


def published_table(recipe: ReconstructionRecipe) -> Table:
    """What the paper prints: information in bits, and the share of the upper bound."""
    rows: dict[tuple[str, str], dict[tuple[str, str], float | None]] = {}
    for row in recipe.published:
        rows.setdefault((row.model, row.method), {})[row.task, row.metric] = row.value
    heads = [f"{split.split()[0]}: {unit}" for split in SPLITS for unit in ("bits", "%")]
    kinds = [(split, m) for split in SPLITS for m in ("information_bits", "share_percent")]
    return make_table(
        ("from", *heads),
        (
            (
                f"{model}{' with S²' if method == 's2' else ''}",
                *(f"{value:g}" if (value := own.get(kind)) else "" for kind in kinds),
            )
            for (model, method), own in rows.items()
        ),
    )


def reconstruction_costs(recipe: ReconstructionRecipe, per_class: int | None = None) -> Lines:
    """Tiles and multiply-adds of models, and what all images take."""
    per_class = per_class or PER_CLASS
    yield make_table(
        ("model", "tiles", "GMACs", "channels", "weights, GB", "licence", "local folder"),
        (
            (
                f"{model.repository}@{','.join(f'{s:g}' for s in scales)}",
                f"{(counted := count_tiles(model, scales))[0]}",
                f"{counted[1] / 1e9:.1f}",
                f"{model.dim * len(scales)}",
                f"{model.download_gb:.1f}",
                model.licence,
                model.folder,
            )
            for model, scales in (
                *((entry.checkpoint, entry.scales) for entry in recipe.entries),
                (recipe.target, (1,)),
                (recipe.upper, (1,)),
            )
        ),
    )
    num = 2 * per_class * NUM_CLASSES
    size = recipe.size(num)
    yield (
        f"{num:,} images ({per_class} of each class and split): {size.tiles:,} tiles and "
        f"{size.macs / 1e15:.2f} × 10¹⁵ multiply-adds in models, {decimal(size.feature_bytes)} of "
        f"features, {decimal(size.download_bytes)} of weights; moments of the widest candidate "
        f"take {size.moment_macs / 1e12:.0f} × 10¹² multiply-adds on the CPU."
    )


def run_reconstruction(
    recipe: ReconstructionRecipe,
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
    from polyscale.studies import check_out, plan_reconstruct, run_reconstruct
    from polyscale.studies.recipes import fetch_weights

    scheme, _, path = data.partition(":")
    if scheme != "imagenet" or not path:
        raise InputError(
            f"data of recipe {recipe.name} must be imagenet:PATH, but got {data!r}. "
            "For other images use polyscale reconstruct."
        )
    if given.get("steps") is not None:
        raise InputError(
            f"steps must not be given for {recipe.name}, whose maps are fitted in one go."
        )
    check_out(out)
    folder = None if weights_dir is None else check_folders(recipe, weights_dir)
    fetch_weights(recipe, folder)
    settings = {name: given[name] for name in ("dtype", "seed", "device") if given.get(name)}
    with progress_bars() as progress:
        plan = plan_reconstruct(
            data if "?" in path else f"{data}?per_class={per_class or PER_CLASS}",
            recipe.target.at(folder),
            [entry.candidate(folder) for entry in recipe.entries],
            upper=recipe.upper.at(folder),
            settings=recipe.settings(**settings),
            image_cache=cache or default_inspection_cache(),
            progress=progress,
        )
    run_plan(plan, out, run=run_reconstruct, cache=cache or default_cache())
    yield "The paper's figures:"
    yield published_table(recipe)
