"""Recipes of reconstruction: a large model's features from those of smaller ones, on ImageNet."""

from rich.filesize import decimal
from rich.table import Table

from polyscale.cli.compare import run_plan
from polyscale.cli.console import make_table
from polyscale.cli.recipe.imagenet import chosen_settings, imagenet_images, local_weights
from polyscale.cli.recipe.kind import Kind, Lines, RunOptions, heading, what_is_stated
from polyscale.progress import progress_bars
from polyscale.studies.recipes import ReconstructionRecipe, count_tiles
from polyscale.studies.recipes.reconstruction import NUM_CLASSES, PER_CLASS

DATA = "ImageNet-1k"

SPLITS = ("train images", "test images")


def show(recipe: ReconstructionRecipe) -> Lines:
    """The recipe with the paper's figures, and what it costs."""
    yield heading(recipe, DATA)
    yield f"Target: {recipe.target.repository}. Upper bound: {recipe.upper.repository}."
    yield "The paper's figures:"
    yield published_table(recipe)
    yield f"The paper's finding: {recipe.finding}"
    yield ""
    yield from _sizes(recipe, PER_CLASS)
    yield from what_is_stated(recipe)


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


def costs(recipe: ReconstructionRecipe, options: RunOptions) -> Lines:
    """The models, tiles and multiply-adds of a run with this number of images of each class."""
    return _sizes(recipe, options.per_class or PER_CLASS)


def _sizes(recipe: ReconstructionRecipe, per_class: int) -> Lines:
    """Tiles and multiply-adds of models, and what all images take."""
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


def run(recipe: ReconstructionRecipe, options: RunOptions) -> Lines:
    """Run the recipe, and print the paper's figures.

    Raises:
        InputError: if the data are not ImageNet's, or weights are missing.
        RunError: if weights cannot be had, or a candidate fails.
    """
    from polyscale.data import default_inspection_cache
    from polyscale.features import default_cache
    from polyscale.studies import check_out, plan_reconstruct, run_reconstruct

    images = imagenet_images(recipe, options, PER_CLASS, "reconstruct")
    check_out(options.out)
    folder = local_weights(recipe, options)
    with progress_bars() as progress:
        plan = plan_reconstruct(
            images,
            recipe.target.at(folder),
            [entry.candidate(folder) for entry in recipe.entries],
            upper=recipe.upper.at(folder),
            settings=recipe.settings(**chosen_settings(options)),
            image_cache=options.cache or default_inspection_cache(),
            progress=progress,
        )
    run_plan(plan, options.out, run=run_reconstruct, cache=options.cache or default_cache())
    yield "The paper's figures:"
    yield published_table(recipe)


KIND = Kind(
    recipe=ReconstructionRecipe,
    data=lambda _: DATA,
    unused=("limit", "steps"),
    show=show,
    costs=costs,
    run=run,
)
