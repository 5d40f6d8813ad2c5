"""`polyscale recipe list|show|run`."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, RenderableType

from polyscale.cli.compare import run_plan
from polyscale.cli.console import CacheOption, QuietOption, output
from polyscale.cli.settings_command import SettingsCommand
from polyscale.errors import InputError
from polyscale.progress import notes, progress_bars

if TYPE_CHECKING:
    from polyscale.tasks import Option

recipe = typer.Typer(
    help="Repeat an experiment of the paper with one command.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

RecipeName = Annotated[str, typer.Argument(help="Name of a recipe, for example imagenet-vit.")]


class RecipeCommand(SettingsCommand):
    """A command that has some options of the settings; what is not given is as in the recipe."""

    lists_tasks = False

    @cached_property
    def groups(self) -> "dict[str, dict[str, Option]]":
        """A title → the options by their names."""
        from polyscale.tasks import MapSettings
        from polyscale.tasks.options import options_of

        known = options_of(MapSettings)
        shown = {}
        for name in ("steps", "dtype", "seed", "device"):
            target, own = known[name]
            shown[name] = replace(own.describe(target, {"recipe": MapSettings}), default="")
        return {"Settings (default: those of the recipe)": shown}


@recipe.command("list")
def list_recipes() -> None:
    """List the recipes.

    \b
    Examples:
        polyscale recipe list
    """  # noqa: D301 - \b keeps the lines
    from polyscale.studies.recipes import (
        CAPACITIES,
        MULTIMODAL,
        PICKINGS,
        PRETRAININGS,
        RECIPES,
        RECONSTRUCTIONS,
    )

    for name, entry in RECIPES.items():
        output.print(f"{name:<24}{entry.data.name}, {entry.place}", soft_wrap=True)
    for name, recipe in MULTIMODAL.items():
        output.print(f"{name:<24}V*, {recipe.place}", soft_wrap=True)
    for name, reconstruction in RECONSTRUCTIONS.items():
        output.print(f"{name:<24}ImageNet-1k, {reconstruction.place}", soft_wrap=True)
    for name, capacity in CAPACITIES.items():
        output.print(f"{name:<24}ImageNet-1k, {capacity.place}", soft_wrap=True)
    for name, training in PRETRAININGS.items():
        output.print(f"{name:<24}ImageNet-21k, {training.place}", soft_wrap=True)
    for name, picking in PICKINGS.items():
        output.print(f"{name:<24}a robot, {picking.place}", soft_wrap=True)


@recipe.command("show")
def show_recipe(name: RecipeName) -> None:
    """Show a recipe: checkpoints, scales, costs, the paper's figures and what it leaves open.

    \b
    Examples:
        polyscale recipe show imagenet-vit
    """  # noqa: D301 - \b keeps the lines
    from polyscale.cli.recipe_capacity import capacity_lines
    from polyscale.cli.recipe_multimodal import multimodal_lines
    from polyscale.cli.recipe_picking import picking_lines
    from polyscale.cli.recipe_pretraining import pretraining_lines
    from polyscale.cli.recipe_reconstruction import reconstruction_lines
    from polyscale.cli.recipe_text import show_lines
    from polyscale.studies.recipes import (
        ImageNetCapacityRecipe,
        MultimodalRecipe,
        PickingRecipe,
        PretrainRecipe,
        ReconstructionRecipe,
        find_recipe,
        size_recipe,
    )

    entry = find_recipe(name)
    if isinstance(entry, MultimodalRecipe):
        _print(output, multimodal_lines(entry))
    elif isinstance(entry, ReconstructionRecipe):
        _print(output, reconstruction_lines(entry))
    elif isinstance(entry, ImageNetCapacityRecipe):
        _print(output, capacity_lines(entry))
    elif isinstance(entry, PretrainRecipe):
        _print(output, pretraining_lines(entry))
    elif isinstance(entry, PickingRecipe):
        _print(output, picking_lines(entry))
    else:
        _print(output, show_lines(entry, size_recipe(entry)))


@recipe.command("run", cls=RecipeCommand)
def run_recipe(
    ctx: typer.Context,
    name: RecipeName,
    data: Annotated[
        str | None,
        typer.Option(
            help="The recipe's data set: imagenet:PATH, ade20k:PATH, nyu:PATH or llava:PATH, and "
            "folder:PATH to pre-train on; only --dry does without it."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="New folder for the results (default: runs/NAME).")
    ] = None,
    weights_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder with one folder for each checkpoint, named like its repository without "
            "the owner (default: weights come from the hub)."
        ),
    ] = None,
    per_class: Annotated[
        int | None,
        typer.Option(help="ImageNet only: images per class in each split (default: all)."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(help="ADE20K and NYUv2: images in each split; V*: questions (default: all)."),
    ] = None,
    dry: Annotated[
        bool, typer.Option("--dry", help="Print what the run would cost, and stop.")
    ] = False,
    cache: CacheOption = None,
    quiet: QuietOption = False,
) -> None:
    """Run a recipe on your copy of its data, and print the paper's figures beside the results.

    Give the same command again to continue an interrupted run.

    \b
    Examples:
        polyscale recipe run imagenet-vit --dry
        polyscale recipe run imagenet-vit --data imagenet:/data --per-class 100
        polyscale recipe run ade20k-vit --data ade20k:/data --steps 1000
    """  # noqa: D301 - \b keeps the lines
    from polyscale.cli.recipe_capacity import capacity_costs, run_capacity
    from polyscale.cli.recipe_multimodal import cost_lines, run_lines, weight_lines
    from polyscale.cli.recipe_picking import picking_costs
    from polyscale.cli.recipe_pretraining import pretraining_costs, run_pretraining
    from polyscale.cli.recipe_reconstruction import reconstruction_costs, run_reconstruction
    from polyscale.cli.recipe_text import forecast_lines, outcome_lines
    from polyscale.data import default_inspection_cache
    from polyscale.features import default_cache
    from polyscale.studies import check_out
    from polyscale.studies.recipes import (
        ImageNetCapacityRecipe,
        MultimodalRecipe,
        PickingRecipe,
        PretrainRecipe,
        ReconstructionRecipe,
        check_memory,
        fetch_weights,
        find_recipe,
        measure_rates,
        prepare_recipe,
        size_recipe,
    )

    if data is None and not dry:
        raise InputError("data must be given, but is missing. Only --dry does without --data.")
    out = out or Path("runs") / name
    recipe = find_recipe(name)
    if isinstance(recipe, MultimodalRecipe):
        if per_class is not None:
            raise InputError(f"per-class must not be given for {name}, but got {per_class}.")
        _print(output if dry else notes, [*cost_lines(recipe), *weight_lines(recipe)])
        if not dry:
            assert data is not None
            choices = {"weights_dir": weights_dir, "limit": limit, "given": ctx.obj}
            _print(output, run_lines(recipe, data, out, **choices))
        return
    if isinstance(recipe, PickingRecipe):
        if not dry:
            raise InputError(
                f"recipe {name} can only be run with --dry: polyscale moves no robot. Try "
                "polyscale compare --task picking."
            )
        _print(output, picking_costs(recipe))
        return
    if isinstance(recipe, PretrainRecipe):
        for option, number in (("limit", limit), ("per-class", per_class)):
            if number is not None:
                raise InputError(f"{option} must not be given for {name}, but got {number}.")
        _print(output if dry else notes, pretraining_costs(recipe))
        if not dry:
            assert data is not None
            _print(output, run_pretraining(recipe, data, out, given=ctx.obj, cache=cache))
        return
    if isinstance(recipe, ReconstructionRecipe | ImageNetCapacityRecipe):
        if limit is not None:
            raise InputError(f"limit must not be given for {name}, but got {limit}.")
        is_capacity = isinstance(recipe, ImageNetCapacityRecipe)
        costs: Any = capacity_costs if is_capacity else reconstruction_costs
        run: Any = run_capacity if is_capacity else run_reconstruction
        _print(output if dry else notes, costs(recipe, per_class))
        if not dry:
            assert data is not None
            lines = run(
                recipe,
                data,
                out,
                weights_dir=weights_dir,
                per_class=per_class,
                given=ctx.obj,
                cache=cache,
            )
            _print(output, lines)
        return
    prepared = prepare_recipe(
        name, data, weights_dir=weights_dir, per_class=per_class, limit=limit, given=ctx.obj
    )
    size = size_recipe(prepared.recipe, prepared.settings, weights_dir=prepared.weights_dir)
    lines = forecast_lines(prepared.recipe, size, measure_rates(prepared))
    _print(output if dry else notes, lines)
    if dry:
        return
    check_memory(prepared.recipe, size)
    check_out(out)
    fetch_weights(prepared.recipe, prepared.weights_dir)
    with progress_bars() as progress:
        plan = prepared.plan(image_cache=cache or default_inspection_cache(), progress=progress)
    run_plan(
        plan,
        out,
        cache=cache or default_cache(),
        tell=lambda: _print(output, outcome_lines(prepared, out)),
    )


def _print(console: Console, lines: Iterable[RenderableType]) -> None:
    for line in lines:
        console.print(line, soft_wrap=isinstance(line, str))
