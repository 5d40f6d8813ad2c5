"""`polyscale pretrain`."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.config import ConfigOption
from polyscale.cli.console import DeviceOption, QuietOption, ScalesOption, output
from polyscale.progress import progress_bars
from polyscale.records.config import read_values


def pretrain(
    model: Annotated[
        str, typer.Option(help="A Vision Transformer or ConvNet of timm by its name.")
    ],
    data: Annotated[
        str,
        typer.Option(
            help="Training images: the training split of a source with classes, as for polyscale "
            "compare (folder:PATH, csv:PATH, hf:NAME …); shards (wds:PATTERN); or, for dino, all "
            "images below a folder (images:PATH)."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the training.")],
    scales: ScalesOption = "1",
    method: Annotated[
        str,
        typer.Option(
            metavar="[supervised|dino]",
            help="The training signal: classes, or agreement between views of an image.",
        ),
    ] = "supervised",
    model_arg: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="An argument of timm.create_model, such as img_size=64; may be given again.",
        ),
    ] = None,
    epochs: Annotated[
        float | None, typer.Option(help="Passes over the training images.", show_default="100")
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(help="Images in a step, over all processes together.", show_default="256"),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Highest learning rate of AdamW.", show_default="0.001")
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="[fp32|bf16|fp16]", help="Precision of the model.", show_default="fp32"
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Random seed of weights, crops and order.", show_default="0"),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other field of PretrainSettings, such as checkpoint=true; may be given "
            "again.",
        ),
    ] = None,
    device: DeviceOption = "auto",
    config: ConfigOption = None,
    quiet: QuietOption = False,
) -> None:
    """Train a backbone from random weights; it sees every image at all given scales.

    Give the same command again to continue an interrupted training. The folder then holds the
    backbone, which every command accepts as timm:OUT/model, and its losses for TensorBoard. For
    several GPUs: accelerate launch -m polyscale pretrain …

    \b
    Examples:
        polyscale pretrain --model vit_base_patch16_224 --data folder:imagenet --scales 1,2 \\
            --out runs/base-s2
        polyscale pretrain --model vit_tiny_patch16_224 --model-arg img_size=64 \\
            --model-arg patch_size=8 --data wds:photos-{000..099}.tar --method dino --out runs/dino
    """  # noqa: D301 - \b keeps the lines
    from polyscale.data import default_inspection_cache
    from polyscale.learning.pretraining import make_settings, pretrain
    from polyscale.learning.training import is_first
    from polyscale.types import Candidate

    own = {
        "model": model,
        "scales": Candidate.parse(f"{model}@{scales}").scales,
        "method": method,
        "epochs": epochs,
        "batch": batch,
        "learning_rate": learning_rate,
        "precision": precision,
        "seed": seed,
    }
    options = {name: f"--{name.replace('_', '-')}" for name in own}
    settings = make_settings(
        {
            **{name: value for name, value in own.items() if value is not None},
            "model_args": read_values("model-arg", model_arg or ()),
            **read_values("set", set_ or (), own={**options, "model_args": "--model-arg"}),
        }
    )
    with progress_bars() as progress:
        done = pretrain(
            settings,
            data,
            out=out,
            device=device,
            cache=default_inspection_cache(),
            progress=progress,
        )
    if is_first():
        output.print(
            f"{done.source}: trained in {done.steps} steps, loss of the last tenth "
            f"{done.final_loss:.3f}, {done.macs:.3g} multiply-adds",
            soft_wrap=True,
        )
