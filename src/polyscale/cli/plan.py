"""`polyscale plan`."""

from typing import Annotated

import typer

from polyscale.cli.console import ScalesOption, make_table, output
from polyscale.types import Candidate, format_scale


def plan(
    model: Annotated[
        str, typer.Argument(help="Name of a model, for example pip:efficientnet_lite0.")
    ],
    scales: ScalesOption = "1,2,3",
    image_size: Annotated[
        str, typer.Option(help="Size of your images in pixels: one number or HEIGHTxWIDTH.")
    ] = "448",
    batch: Annotated[int, typer.Option(min=1, help="Number of images in a batch.")] = 1,
) -> None:
    """Print tiles, tokens, multiply-adds and memory of a model at several scales.

    The model does not run, and no weights are read or downloaded.

    \b
    Examples:
        polyscale plan pip:dinov2_small --scales 1,2
        polyscale plan timm:vit_base_patch16_224 --scales 1,2,3 --image-size 1080x1920
    """  # noqa: D301 - \b keeps the lines
    from polyscale.operator.cost.forecast import forecast, parse_hw

    candidate = Candidate.parse(f"{model}@{scales}")
    cost = forecast(candidate, image_hw=parse_hw(image_size), batch=batch)
    rows = [
        (
            format_scale(level.scale),
            f"{level.image_hw[0]}×{level.image_hw[1]}",
            f"{level.num_tiles}",
            f"{level.num_tokens}",
            f"{level.macs / 1e9:.2f}",
        )
        for level in cost.levels
    ]
    table = make_table(("scale", "pixels", "tiles", "tokens", "GMACs"), rows, numeric=[True] * 5)
    table.add_row(
        "all",
        "",
        f"{cost.num_tiles}",
        f"{cost.num_tokens}",
        f"{cost.macs / 1e9:.2f}",
        style="bold",
    )
    output.print(f"{candidate}, {cost.params / 1e6:.2f} M parameters, for one image", style="bold")
    output.print(table)
    grid_h, grid_w = cost.grid_hw
    output.print(f"features: {grid_h}×{grid_w} cells of {cost.dim} channels")
    output.print(
        f"memory, batch {batch}, fp32: {cost.peak_bytes / 2**20:.0f} MiB at the peak, of which "
        f"parameters {cost.param_bytes / 2**20:.0f} MiB, "
        f"output {cost.output_bytes / 2**20:.1f} MiB",
        soft_wrap=True,
    )
    for note in cost.notes:
        output.print(f"note: {note}", style="yellow", soft_wrap=True)
