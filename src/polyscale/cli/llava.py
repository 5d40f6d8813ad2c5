"""`polyscale llava convert` and `polyscale llava train`."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.console import QuietOption, output
from polyscale.progress import progress_bars
from polyscale.records.config import read_config

llava = typer.Typer(
    help="Multimodal language models with a vision tower of several scales.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@llava.command()
def convert(
    checkpoint: Annotated[
        Path,
        typer.Option(
            help="Folder that LLaVA's own code wrote: LoRA, stage 1 (mm_projector.bin) or full."
        ),
    ],
    vision: Annotated[
        Path, typer.Option(help="Folder of the vision model, for example CLIP, and its processor.")
    ],
    out: Annotated[Path, typer.Option(help="New folder for model and processor.")],
    base: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the language model and its tokenizer, for example Vicuna; not needed "
            "for a full checkpoint."
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Convert an original checkpoint of LLaVA with S² into a folder that transformers can load.

    \b
    Examples:
        polyscale llava convert --checkpoint llava-v1.5-7b-s2-lora --base vicuna-7b-v1.5 \\
            --vision clip-vit-large-patch14-336 --out llava-7b-s2
    """  # noqa: D301 - \b keeps the lines
    from polyscale.language import convert_llava

    with progress_bars() as progress:
        convert_llava(checkpoint, vision=vision, out=out, base=base, progress=progress)
    output.print(
        f"{out}: import polyscale.language, and read it with transformers' "
        "LlavaForConditionalGeneration.from_pretrained",
        soft_wrap=True,
    )


@llava.command()
def train(
    config: Annotated[Path, typer.Argument(help="TOML file with the options of the training.")],
    quiet: QuietOption = False,
) -> None:
    """Train the projector of a LLaVA, or its projector and LoRA; the vision tower stays frozen.

    Give the same command again to continue an interrupted training. The folder of the training then
    holds the model, for transformers' from_pretrained, and its losses for TensorBoard.

    \b
    A file holds, for example:
        model = "runs/stage-1/model"    # or a table [model] with vision, language and scales
        data = "llava.json"             # in LLaVA's format, or needles
        images = "coco/train2017"       # where its pictures are
        out = "runs/stage-2"
        stage = "lora"                  # or projector
        precision = "bf16"
        cache_features = true

    \b
    Examples:
        polyscale llava train stage-1.toml
    """  # noqa: D301 - \b keeps the lines
    options = read_config(config, advice="polyscale llava train --help shows one.")
    from polyscale.language.training import train_from_config

    with progress_bars() as progress:
        trained = train_from_config(options, progress=progress)
    last = trained.losses[-max(1, len(trained.losses) // 10) :]
    output.print(
        f"{trained.model}: trained in {len(trained.losses)} steps, loss of the last tenth "
        f"{sum(last) / len(last):.3f}",
        soft_wrap=True,
    )
