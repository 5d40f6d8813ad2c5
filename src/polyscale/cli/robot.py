"""`polyscale robot`: demonstrations, and trained policies that act."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.console import DeviceOption, QuietOption, output
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


@robot.command()
def act(
    head: Annotated[
        Path,
        typer.Option(help="Trained policy: RUN/heads/N.safetensors of compare --task picking."),
    ],
    out: Annotated[Path, typer.Option(help="New folder, or that of this policy.")],
    episodes: Annotated[int, typer.Option(help="Episodes in which the policy acts.")] = 10,
    seed: Annotated[int, typer.Option(help="The first scene; the others follow it.")] = 0,
    backbone: Annotated[
        str | None,
        typer.Option(help="Where the backbone's weights are now, if they have moved."),
    ] = None,
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
) -> None:
    """Let a trained policy act in new scenes, and film it.

    The scenes are none of those that the policy was trained, chosen or tested in. The folder gets
    episodes.jsonl with a line for each episode, and films/SEED.webp. Given again, also with more
    episodes, the command goes on where it was stopped.

    \b
    Examples:
        polyscale robot act --head runs/robot/heads/1.safetensors --episodes 10 --out acting
    """  # noqa: D301 - \b keeps the lines
    from polyscale.studies.predict import act_in_scenes, load_predictor

    actor = load_predictor(head, backbone=backbone, device=device)
    with progress_bars() as progress:
        done = act_in_scenes(actor, out, episodes=episodes, seed=seed, progress=progress)
    lifted = sum(episode.lifted for episode in done)
    output.print(f"{out}: the cube was lifted in {lifted} of {len(done)} episodes", soft_wrap=True)
