"""`polyscale show`."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from polyscale.cli.console import (
    AspectOption,
    ModelOption,
    OverlapOption,
    ScalesOption,
    SourceOption,
    output,
)
from polyscale.types import Candidate


def show(
    image: Annotated[Path, typer.Argument(help="Picture file.")],
    model: ModelOption = "pip:dinov2_small",
    scales: ScalesOption = "1,2,3",
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write: .png, .svg or .pdf (default: NAME-scales.png in this folder)."
        ),
    ] = None,
    source: SourceOption = "native",
    aspect: AspectOption = "squash",
    overlap: OverlapOption = 0,
) -> None:
    """Draw what S² does to a picture: scales, tiles, features, and how they are joined.

    \b
    Examples:
        polyscale show photo.jpg
        polyscale show photo.jpg --model pip:efficientnet_lite0 --aspect keep
    """  # noqa: D301 - \b keeps the lines
    from polyscale.data import read_image
    from polyscale.operator.multiscale import wrap
    from polyscale.report.pictures import check_picture, write_picture
    from polyscale.studies.show import show as show_scales

    candidate = Candidate.parse(f"{model}@{scales}")
    picture = read_image(image, name=str(image))
    out = out or Path(f"{image.stem}-scales.png")
    check_picture(out, sources=[image])
    from polyscale.report.show_picture import draw_shown

    options: Any = {"source": source, "aspect": aspect, "overlap": overlap}  # wrap checks them
    module = wrap(candidate.backbone, candidate.scales, **options)
    shown = show_scales(module, picture)
    write_picture(partial(draw_shown, shown, title=image.name), out)
    output.print(str(module.plan_for((picture.height, picture.width))), soft_wrap=True)
    output.print(f"picture: {out}", soft_wrap=True)
