"""`polyscale robot record`."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.console import QuietOption, output
from polyscale.progress import progress_bars

robot = typer.Typer(
    help="A simulated robot that picks a cube.", no_args_is_help=True, rich_markup_mode=None
)


@robot.command()
def record(
    out: Annotated[Path, typer.Option(help="New folder, or that of this recording.")],
    episodes: Annotated[int, typer.Option(help="Episodes in which the expert succeeds.")] = 120,
    seed: Annotated[int, typer.Option(help="Of the scenes: other seeds show other ones.")] = 0,
    side_px: Annotated[int, typer.Option(help="Height and width of the frames, in pixels.")] = 448,
    quiet: QuietOption = False,
) -> None:
    """Record how an expert picks a cube, as demonstrations that a policy can learn from.

    The folder has the layout of LeRobot's data sets, version 3, with images. The expert knows
    where the cube is; a policy that learns from it only sees the pictures. Given again, the command
    continues a recording that was interrupted.

    \b
    Examples:
        polyscale robot record --episodes 120 --out demonstrations
    """  # noqa: D301 - \b keeps the lines
    from polyscale.robot import record as record_demonstrations

    with progress_bars() as progress:
        recorded = record_demonstrations(out, episodes, seed, side_px=side_px, progress=progress)
    failed = f"; the expert failed in {recorded.num_failed} other scenes"
    output.print(
        f"{out}: {recorded.num_episodes} episodes of {recorded.num_frames} frames"
        f"{failed if recorded.num_failed else ''}",
        soft_wrap=True,
    )
