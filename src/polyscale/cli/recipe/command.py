"""The commands, which know no kind of recipe."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, RenderableType

from polyscale.cli.console import CacheOption, QuietOption, output
from polyscale.cli.settings_command import SettingsCommand
from polyscale.progress import notes

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
    from polyscale.cli.recipe.kinds import kind_of
    from polyscale.studies.recipes import ALL_RECIPES

    for name, entry in ALL_RECIPES.items():
        output.print(f"{name:<24}{kind_of(entry).data(entry)}, {entry.place}", soft_wrap=True)


@recipe.command("show")
def show_recipe(name: RecipeName) -> None:
    """Show a recipe: checkpoints, scales, costs, the paper's figures and what it leaves open.

    \b
    Examples:
        polyscale recipe show imagenet-vit
    """  # noqa: D301 - \b keeps the lines
    from polyscale.cli.recipe.kinds import kind_of
    from polyscale.studies.recipes import find_recipe

    entry = find_recipe(name)
    _print(output, kind_of(entry).show(entry))


@recipe.command("run", cls=RecipeCommand)
def run_recipe(
    ctx: typer.Context,
    name: RecipeName,
    data: Annotated[
        str | None,
        typer.Option(
            help="The recipe's data set: imagenet:PATH, ade20k:PATH, nyu:PATH or llava:PATH, or "
            "folder:PATH for pre-training; required unless --dry is given."
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
        typer.Option(
            help="ImageNet only: images per class in each split (default: 10 for reconstruct-… and "
            "capacity-…, else all)."
        ),
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
    from polyscale.cli.recipe.kind import RunOptions
    from polyscale.cli.recipe.kinds import kind_of
    from polyscale.studies.recipes import find_recipe

    entry = find_recipe(name)
    kind = kind_of(entry)
    options = RunOptions(
        data=data,
        out=out or Path("runs") / name,
        weights_dir=weights_dir,
        per_class=per_class,
        limit=limit,
        given=ctx.obj,
        cache=cache,
    )
    kind.check(entry, options, dry=dry)
    prepared = kind.prepare(entry, options)
    _print(output if dry else notes, kind.costs(prepared, options))
    if not dry:
        assert kind.run is not None, "checked above"
        _print(output, kind.run(prepared, options))


def _print(console: Console, lines: Iterable[RenderableType]) -> None:
    for line in lines:
        console.print(line, soft_wrap=isinstance(line, str))
