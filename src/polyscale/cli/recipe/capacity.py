"""Recipes of capacity: ImageNet's images learned by a linear layer."""

from polyscale.cli.compare import run_plan
from polyscale.cli.console import make_table
from polyscale.cli.recipe.imagenet import chosen_settings, imagenet_images, local_weights
from polyscale.cli.recipe.kind import Kind, Lines, RunOptions, heading, what_is_stated
from polyscale.progress import progress_bars
from polyscale.studies.recipes import ImageNetCapacityRecipe, count_tiles
from polyscale.studies.recipes.capacity import NUM_CLASSES, PER_CLASS

DATA = "ImageNet-1k"


def show(recipe: ImageNetCapacityRecipe) -> Lines:
    """The recipe with the paper's figures, and what it costs."""
    yield heading(recipe, DATA)
    yield from _sizes(recipe, PER_CLASS)
    yield f"The paper's finding: {recipe.finding}"
    yield from what_is_stated(recipe)


def costs(recipe: ImageNetCapacityRecipe, options: RunOptions) -> Lines:
    """The models, tiles and multiply-adds of a run with this number of images of each class."""
    return _sizes(recipe, options.per_class or PER_CLASS)


def _sizes(recipe: ImageNetCapacityRecipe, per_class: int) -> Lines:
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
    num = per_class * NUM_CLASSES
    models, heads = recipe.macs(num)
    yield (
        f"{num:,} images: {models / 1e15:.2f} × 10¹⁵ multiply-adds in models, and "
        f"{heads / 1e12:.0f} × 10¹² in each round of training layers; there are at least three "
        "rounds."
    )


def run(recipe: ImageNetCapacityRecipe, options: RunOptions) -> Lines:
    """Run the recipe, and print the paper's figures.

    Raises:
        InputError: if the data are not ImageNet's, or weights are missing.
        RunError: if weights cannot be had, or a candidate fails.
    """
    from polyscale.data import default_inspection_cache
    from polyscale.features import default_cache
    from polyscale.studies import check_out, plan_compare

    images = imagenet_images(recipe, options, PER_CLASS, "capacity")
    check_out(options.out)
    folder = local_weights(recipe, options)
    with progress_bars() as progress:
        plan = plan_compare(
            images,
            [entry.candidate(folder) for entry in recipe.entries],
            recipe.settings(**chosen_settings(options)),
            image_cache=options.cache or default_inspection_cache(),
            progress=progress,
        )
    run_plan(plan, options.out, cache=options.cache or default_cache())
    figures = (f"{entry.candidate(folder)}: {entry.published:.3f}" for entry in recipe.entries)
    yield f"The paper's figures, in nats: {'; '.join(figures)}"


KIND = Kind(
    recipe=ImageNetCapacityRecipe,
    data=lambda _: DATA,
    unused=("limit", "steps"),
    show=show,
    costs=costs,
    run=run,
)
