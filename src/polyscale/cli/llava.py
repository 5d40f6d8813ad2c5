"""`polyscale llava convert`."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.console import QuietOption, output
from polyscale.progress import progress_bars

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
            help="Folder of the language model and its tokenizer, for example Vicuna; a full "
            "checkpoint does without it."
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Turn an original checkpoint of LLaVA with S² into one folder of transformers.

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
