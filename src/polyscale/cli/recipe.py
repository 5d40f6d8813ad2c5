"""`polyscale recipe list|show|run`."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.comparing import run_plan
from polyscale.cli.console import errors, output, progress_bars

recipe = typer.Typer(
    help="Repeat an experiment of the paper with one command.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@recipe.command("list")
def list_recipes() -> None:
    """Name the recipes.

    \b
    Examples:
        polyscale recipe list
    """  # noqa: D301 - \b keeps the lines
    from polyscale.studies.recipes import recipes

    for name, entry in recipes().items():
        output.print(f"{name:<24}{entry.data.name}, {entry.place}", soft_wrap=True)


@recipe.command("show")
def show_recipe(
    name: Annotated[str, typer.Argument(help="A recipe, for example imagenet-vit.")],
) -> None:
    """Checkpoints, scales, costs, the paper's figures, and what the paper leaves open.

    \b
    Examples:
        polyscale recipe show imagenet-vit
    """  # noqa: D301 - \b keeps the lines
    from polyscale.cli.recipe_text import show_lines
    from polyscale.studies.recipes import get_recipe, size_recipe

    chosen = get_recipe(name)
    for line in show_lines(chosen, size_recipe(chosen)):
        output.print(line, soft_wrap=isinstance(line, str))


@recipe.command("run")
def run_recipe(
    name: Annotated[str, typer.Argument(help="A recipe, for example imagenet-vit.")],
    data: Annotated[
        str, typer.Option(help="imagenet:PATH, ade20k:PATH or nyu:PATH, as the recipe has it.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="New folder for the results; runs/NAME if left out.")
    ] = None,
    weights_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder with a folder for each checkpoint, named like its repository without the "
            "owner. Without it weights come from the hub."
        ),
    ] = None,
    per_class: Annotated[
        int | None, typer.Option(help="ImageNet: images of each class and split; all if left out.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="ADE20K, NYUv2: images of each split; all if left out.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="ADE20K, NYUv2: of training; the paper's if left out.")
    ] = None,
    dry: Annotated[
        bool, typer.Option("--dry", help="Print what it would cost, and start nothing.")
    ] = False,
    dtype: Annotated[
        str | None, typer.Option(help="fp32, bf16, fp16 or auto; the recipe's if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of samples, heads and resampling.")] = 0,
    device: Annotated[str, typer.Option(help="Where models run, for example cuda.")] = "cpu",
    cache: Annotated[
        Path | None, typer.Option(help="Folder for features, which later runs use again.")
    ] = None,
) -> None:
    """Run a recipe on your copy of its data, and set the paper's figures beside the results.

    An interrupted run goes on where it stopped when the same command is given again.

    \b
    Examples:
        polyscale recipe run imagenet-vit --data imagenet:/data/imagenet --dry
        polyscale recipe run imagenet-vit --data imagenet:/data/imagenet --per-class 100
        polyscale recipe run ade20k-vit --data ade20k:/data/ade20k --device cuda
    """  # noqa: D301 - \b keeps the lines
    from polyscale.cli.recipe_text import forecast_lines, outcome_lines
    from polyscale.data import default_inspection_cache
    from polyscale.store import default_cache
    from polyscale.studies import check_out, plan_compare
    from polyscale.studies.recipes import (
        Choices,
        check_memory,
        fetch_weights,
        ready_recipe,
        size_ready,
        time_recipe,
    )

    out = out or Path("runs") / name
    ready = ready_recipe(
        name,
        data,
        weights_dir=weights_dir,
        choices=Choices(
            per_class=per_class, limit=limit, steps=steps, dtype=dtype, seed=seed, device=device
        ),
    )
    size = size_ready(ready)
    for line in forecast_lines(ready, size, time_recipe(ready, size)):
        (output if dry else errors).print(line, soft_wrap=isinstance(line, str))
    if dry:
        return
    check_memory(size)
    check_out(out)
    fetch_weights(ready.recipe, ready.weights_dir)
    with progress_bars() as progress:
        plan = plan_compare(
            ready.data,
            ready.candidates,
            ready.settings,
            image_cache=cache or default_inspection_cache(),
            progress=progress,
        )

    def tell() -> None:
        for line in outcome_lines(ready, out):
            output.print(line, soft_wrap=isinstance(line, str))

    run_plan(plan, out, cache=cache or default_cache(), tell=tell)
