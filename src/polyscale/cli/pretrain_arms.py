"""`polyscale pretrain-arms`."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.compare import run_plan
from polyscale.cli.console import CacheOption, DeviceOption, JsonOption, QuietOption, ScalesOption
from polyscale.progress import notes, progress_bars
from polyscale.records.config import read_values

OWN = {
    "model": "--base and --larger",
    "model_args": "--base and --larger",
    "epochs": "--epochs",
    "scales": "--scales",
}
"""Settings of a pre-training that have an option of their own → that option."""


def pretrain_arms(
    data: Annotated[
        str, typer.Option(help="Images with classes, as polyscale compare takes them.")
    ],
    base: Annotated[
        str,
        typer.Option(
            metavar="MODEL?ARG=VALUE&…",
            help="The small model: a timm model and its arguments, in quotes.",
        ),
    ],
    larger: Annotated[
        str, typer.Option(metavar="MODEL?ARG=VALUE&…", help="The larger model, in the same form.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the trainings and of their comparison.")],
    scales: ScalesOption = "1,2",
    seeds: Annotated[int, typer.Option(help="Trainings of each backbone, at least 3.")] = 3,
    share: Annotated[
        float,
        typer.Option(help="Share of the training images for backbones; the rest is for heads."),
    ] = 0.5,
    epochs: Annotated[
        float, typer.Option(help="Passes of each backbone over its training images.")
    ] = 100.0,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other field of PretrainSettings, such as batch=128; may be given again.",
        ),
    ] = None,
    device: DeviceOption = "auto",
    cache: CacheOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Does it pay to pre-train with S²? Train and compare the four arms of the paper's Table 4.

    Each seed trains three backbones for the same number of epochs: the small model at one scale,
    the small model at several scales, and the larger model. Linear probes on frozen features then
    judge four arms: small, small with S² afterwards, larger, and small with S² during training.
    Give the same command again to continue an interrupted run.

    \b
    Examples:
        polyscale pretrain-arms --data fashion-mnist --epochs 3 --set batch=128 --out runs/arms \\
            --base "vit_tiny_patch16_224?img_size=14&patch_size=2&embed_dim=48&depth=3&num_heads=2" \\
            --larger "vit_tiny_patch16_224?img_size=14&patch_size=2&embed_dim=96&depth=4&num_heads=3"
    """  # noqa: D301, E501 - \b keeps the lines
    from polyscale.data import default_inspection_cache
    from polyscale.features import default_cache
    from polyscale.learning.pretraining.settings import make_settings
    from polyscale.studies import check_out
    from polyscale.studies.arms import ArmsSettings, parse_model, plan_arms, run_arms
    from polyscale.types import Candidate

    check_out(out)
    model, model_args = parse_model(base, "base")
    larger_model, larger_args = parse_model(larger, "larger")
    settings = ArmsSettings(
        base=make_settings(
            {
                "model": model,
                "model_args": model_args,
                "epochs": epochs,
                **read_values("set", set_ or (), own=OWN),
            }
        ),
        larger=larger_model,
        larger_args=larger_args,
        scales=Candidate.parse(f"base@{scales}").scales,
        seeds=seeds,
        share=share,
    )
    with progress_bars() as progress:
        plan = plan_arms(data, settings, image_cache=default_inspection_cache(), progress=progress)
    for note in plan.notes:
        notes.print(f"warning: {note}", style="yellow", soft_wrap=True)
    folder = out / "trainings"
    run_plan(
        plan,
        out / "comparison",
        run=lambda *_, cache, progress, **__: run_arms(
            plan, trainings=folder, device=device, cache=cache, progress=progress
        ),
        cache=cache or default_cache(),
        as_json=as_json,
    )
