"""`polyscale show`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from polyscale.cli.console import output
from polyscale.types import Candidate


def show(
    image: Annotated[Path, typer.Argument(help="A picture.")],
    model: Annotated[str, typer.Option(help="A model, see polyscale models.")] = "pip:dinov2_small",
    scales: Annotated[str, typer.Option(help="Scales with commas between.")] = "1,2,3",
    out: Annotated[
        Path | None,
        typer.Option(help="File to write, .png, .svg or .pdf; else NAME-scales.png here."),
    ] = None,
    source: Annotated[
        str,
        typer.Option(help="What larger scales are resized from, native or base; see compare."),
    ] = "native",
    aspect: Annotated[
        str, typer.Option(help="What happens to the picture's aspect: squash, keep, pad or slide.")
    ] = "squash",
    overlap: Annotated[float, typer.Option(help="Share of a tile that the next repeats.")] = 0,
) -> None:
    """Draw what happens to a picture: its scales, their tiles, their features, the fusion.

    \b
    Examples:
        polyscale show photo.jpg
        polyscale show photo.jpg --model pip:efficientnet_lite0 --scales 0.5,1,2 --aspect keep
    """  # noqa: D301 - \b keeps the lines
    from polyscale.data import read_image
    from polyscale.multiscale import wrap
    from polyscale.report.pictures import check_picture, write_shown
    from polyscale.studies.show import show as show_scales

    candidate = Candidate.parse(f"{model}@{scales}")
    picture = read_image(image, name=str(image))
    out = out or Path(f"{image.stem}-scales.png")
    check_picture(out, sources=[image])
    options: Any = {"source": source, "aspect": aspect, "overlap": overlap}  # wrap checks them
    module = wrap(candidate.backbone, candidate.scales, **options)
    write_shown(show_scales(module, picture), out, title=image.name)
    output.print(str(module.plan_for((picture.height, picture.width))), soft_wrap=True)
    output.print(f"picture: {out}", soft_wrap=True)
