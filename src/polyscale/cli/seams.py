"""`polyscale seams`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.console import ModelOption, QuietOption, make_table, output
from polyscale.progress import notes, progress_bars
from polyscale.records.seams import CONTROL, JOIN


def seams(
    images: Annotated[
        list[Path], typer.Argument(help="Pictures; more pictures give narrower intervals.")
    ],
    model: ModelOption = "pip:dinov2_small",
    scale: Annotated[int, typer.Option(help="Scale, a whole number of at least 2.")] = 2,
    out: Annotated[
        Path | None, typer.Option(help="Picture of the results to write: .png, .svg or .pdf.")
    ] = None,
    control: Annotated[
        bool, typer.Option(help="Also run the model on one large tile, which has no border.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Random seed of resampling.")] = 0,
    quiet: QuietOption = False,
) -> None:
    """Measure how much features differ across tile borders, what reduces this, and its cost.

    \b
    Examples:
        polyscale seams photo.jpg
        polyscale seams a.jpg b.jpg --model pip:efficientnet_lite0 --out seams.png
    """  # noqa: D301 - \b keeps the lines
    from polyscale.data import read_image
    from polyscale.operator.backbones import load
    from polyscale.report.pictures import check_picture, write_picture
    from polyscale.studies.seams import compare_seams, load_untiled

    if out:
        check_picture(out, sources=images)
    pictures = [read_image(image, name=str(image)) for image in images]
    untiled = load_untiled(model, scale) if control else None
    if control and untiled is None:
        notes.print(
            f"{model} cannot be built for one large tile, so there is no control.", soft_wrap=True
        )
    with progress_bars() as progress:
        report = compare_seams(
            load(model), pictures, scale=scale, untiled=untiled, seed=seed, progress=progress
        )
    rows = []
    for way in report.ways:
        times = way.num_tiles / report.ways[0].num_tiles
        interval = "…".join(f"{100 * end:+.0f}" for end in way.excess_ci or ())
        row = (
            way.name.replace(JOIN, "\n"),
            "1, larger" if way.name == CONTROL else f"{way.num_tiles} ({times:.3g}×)",
            f"{way.seams.border:.3f}",
            f"{way.seams.interior:.3f}",
            f"{100 * way.seams.excess:+.0f} %",
            f"{interval} %" if interval else "",
            "" if way.added_excess is None else f"{100 * way.added_excess:+.0f} %",
        )
        rows.append(row)
    heads = ("way of cutting", "tiles", "border", "interior", "excess", "95 %", "new edges")
    num = report.num_images
    output.print(
        f"{report.model}, scale {scale}, {num} image{'s' if num > 1 else ''}", style="bold"
    )
    output.print(make_table(heads, rows))
    if out:
        from polyscale.report.seams_picture import draw_seams

        write_picture(partial(draw_seams, report), out)
        output.print(f"picture: {out}", soft_wrap=True)
