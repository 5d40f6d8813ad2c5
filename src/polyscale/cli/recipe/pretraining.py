"""Recipes of pre-training: backbones from random weights, at one scale and at several."""

from polyscale.cli.compare import run_plan
from polyscale.cli.console import make_table
from polyscale.cli.recipe.kind import Kind, Lines, RunOptions, heading, what_is_stated
from polyscale.errors import InputError
from polyscale.progress import notes, progress_bars
from polyscale.studies.recipes import PretrainRecipe, count_tiles
from polyscale.studies.recipes.pretraining import NUM_IMAGES

DATA = "ImageNet-21k"

METHODS = {
    "single": "",
    "s2": " with S² afterwards",
    "s2 in pre-training": " with S² during pre-training",
}
"""The method as the table of the paper's figures names it → what is said of a model."""


def show(recipe: PretrainRecipe) -> Lines:
    """The recipe with the paper's figures, and what it costs."""
    yield heading(recipe, DATA)
    yield from _sizes(recipe)
    yield figures(recipe)
    yield f"The paper's finding: {recipe.finding}"
    yield from what_is_stated(recipe)


def figures(recipe: PretrainRecipe) -> str:
    """What the paper prints, in per cent of ImageNet-1k's images."""
    values = (f"{row.model}{METHODS[row.method]}: {row.value}" for row in recipe.published)
    return f"The paper's figures, top-1 accuracy in per cent: {'; '.join(values)}"


def _sizes(recipe: PretrainRecipe) -> Lines:
    """Multiply-adds of every training."""
    seeds = recipe.settings().seeds
    yield make_table(
        ("training", "architecture", "scales", "tiles", "GMACs", "EMACs of a training"),
        (
            (
                name,
                checkpoint.model,
                ", ".join(f"{scale:g}" for scale in scales),
                f"{(counted := count_tiles(checkpoint, scales))[0]}",
                f"{counted[1] / 1e9:.1f}",
                f"{recipe.train_macs(checkpoint, scales) / 1e18:,.1f}",
            )
            for name, checkpoint, scales in recipe.arms
        ),
    )
    total = seeds * sum(
        recipe.train_macs(checkpoint, scales) for _, checkpoint, scales in recipe.arms
    )
    yield (
        f"{recipe.method}, {recipe.epochs:g} epochs of {NUM_IMAGES:,} images, {seeds} trainings of "
        f"each: {total / 1e18:,.0f} EMACs, forward and backward, of one view of each image."
    )


def run(recipe: PretrainRecipe, options: RunOptions) -> Lines:
    """Run the recipe, and print the paper's figures.

    Raises:
        InputError: if the data cannot be used.
        RunError: if a training fails.
    """
    from polyscale.data import default_inspection_cache
    from polyscale.features import default_cache
    from polyscale.studies import check_out
    from polyscale.studies.arms import plan_arms, run_arms

    names = {"dtype": "precision", "seed": "seed", "steps": "steps"}
    given, out, cache = options.given, options.out, options.cache
    changes = {names[key]: given[key] for key in names if given.get(key) is not None}
    if changes.get("precision") == "auto":
        raise InputError("dtype must be fp32, bf16 or fp16 for a training, but got 'auto'.")
    check_out(out)
    with progress_bars() as progress:
        plan = plan_arms(
            options.source(),
            recipe.settings(**changes),
            image_cache=cache or default_inspection_cache(),
            progress=progress,
        )
    for note in plan.notes:
        notes.print(f"warning: {note}", style="yellow", soft_wrap=True)
    run_plan(
        plan,
        out / "comparison",
        run=lambda *_, cache, progress, **__: run_arms(
            plan,
            trainings=out / "trainings",
            device=given.get("device") or "auto",
            cache=cache,
            progress=progress,
        ),
        cache=cache or default_cache(),
    )
    yield figures(recipe)


KIND = Kind(
    recipe=PretrainRecipe,
    data=lambda _: DATA,
    unused=("limit", "per_class", "weights_dir"),
    show=show,
    costs=lambda recipe, _: _sizes(recipe),
    run=run,
)
