"""`polyscale robot`: demonstrations, and trained policies that act."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.console import BackboneOption, DeviceOption, QuietOption, output
from polyscale.progress import progress_bars

robot = typer.Typer(
    help="A simulated robot that picks up a cube.", no_args_is_help=True, rich_markup_mode=None
)


@robot.command()
def record(
    out: Annotated[
        Path, typer.Option(help="New folder, or the folder of a recording to continue.")
    ],
    episodes: Annotated[int, typer.Option(help="Number of successful episodes to record.")] = 120,
    seed: Annotated[int, typer.Option(help="Random seed of the scenes, 0 to 1000.")] = 0,
    side_px: Annotated[int, typer.Option(help="Height and width of the frames, in pixels.")] = 448,
    quiet: QuietOption = False,
) -> None:
    """Record how an expert picks up a cube, as demonstrations that a policy can learn from.

    The folder has the layout of LeRobot's data sets, version 3, with images. The expert is told
    where the cube is; a policy that learns from it has to see that in the pictures. Give the same
    command again to continue an interrupted recording.

    \b
    Examples:
        polyscale robot record --episodes 120 --out demonstrations
    """  # noqa: D301 - \b keeps the lines
    from polyscale.robot import record as record_demonstrations

    with progress_bars() as progress:
        recorded = record_demonstrations(out, episodes, seed, side_px=side_px, progress=progress)
    failed = f"; the expert failed in {recorded.num_failed} other scenes"
    output.print(
        f"{out}: {recorded.num_episodes} episodes, {recorded.num_frames} frames"
        f"{failed if recorded.num_failed else ''}",
        soft_wrap=True,
    )


@robot.command()
def act(
    head: Annotated[
        Path,
        typer.Option(help="Trained policy: RUN/heads/N.safetensors of compare --task picking."),
    ],
    out: Annotated[
        Path, typer.Option(help="New folder, or a folder of earlier episodes of this policy.")
    ],
    episodes: Annotated[int, typer.Option(help="Number of episodes.")] = 10,
    seed: Annotated[int, typer.Option(help="Number of the first scene; the next ones follow.")] = 0,
    backbone: BackboneOption = None,
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
) -> None:
    """Let a trained policy act in new scenes, and film it.

    None of these scenes was used to train, choose or test the policy. The folder gets
    episodes.jsonl with a line for each episode, and films/SEED.webp, where SEED is 3000000000 plus
    the number of the scene. Give the same command again, or with more episodes, to continue.

    \b
    Examples:
        polyscale robot act --head runs/robot/heads/1.safetensors --episodes 10 --out acting
    """  # noqa: D301 - \b keeps the lines
    import numpy as np

    from polyscale.stats import accuracy_intervals
    from polyscale.studies.predict import act_in_scenes, check_episodes, load_predictor

    check_episodes(episodes, seed)  # before a model is loaded
    actor = load_predictor(head, backbone=backbone, device=device)
    with progress_bars() as progress:
        done = act_in_scenes(actor, out, episodes=episodes, seed=seed, progress=progress)
    success = np.array([episode.success for episode in done])
    low, high = accuracy_intervals({"policy": success})["policy"]
    output.print(
        f"{out}: the cube was lifted in {success.sum()} of {len(done)} episodes "
        f"({100 * success.mean():.0f} %, 95 % interval {100 * low:.0f} to {100 * high:.0f}); "
        f"films are in {out / 'films'}",
        soft_wrap=True,
    )
