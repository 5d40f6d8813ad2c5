"""`polyscale plan`."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyscale.cli.console import (
    AspectOption,
    JsonOption,
    OverlapOption,
    SourceOption,
    make_table,
    output,
    print_json,
)
from polyscale.types import Candidate, format_scale

if TYPE_CHECKING:
    from polyscale.operator.cost.forecast import Forecast, LevelForecast


def plan(
    candidates: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE@SCALES",
            help="Models and scales, for example pip:efficientnet_lite0@1,2; see polyscale models.",
        ),
    ],
    image_size: Annotated[
        str, typer.Option(help="Size of your images in pixels: one number or HEIGHTxWIDTH.")
    ] = "448",
    batch: Annotated[int, typer.Option(min=1, help="Number of images in a batch.")] = 1,
    source: SourceOption = "native",
    aspect: AspectOption = "squash",
    overlap: OverlapOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Print tiles, tokens, multiply-adds and memory of models at several scales, side by side.

    No model runs, and no weights are read or downloaded.

    \b
    Examples:
        polyscale plan pip:dinov2_small@1,2
        polyscale plan pip:efficientnet_lite0@1,2 pip:efficientnet_lite2@1 \\
            --image-size 1080x1920 --aspect keep
    """  # noqa: D301 - \b keeps the lines
    from polyscale.operator.cost.forecast import forecast, parse_hw

    options: Any = {"source": source, "aspect": aspect, "overlap": overlap}  # MultiScale checks
    image_hw = parse_hw(image_size)
    costs = {
        str(candidate): forecast(candidate, image_hw=image_hw, batch=batch, **options)
        for candidate in map(Candidate.parse, candidates)
    }
    if as_json:
        print_json({name: asdict(cost) for name, cost in costs.items()})
        return
    output.print(f"For one image of {image_hw[0]}×{image_hw[1]} pixels", style="bold")
    rows = [row for each in costs.items() for row in _level_rows(*each)]
    output.print(make_table(("candidate", "scale", "pixels", "tiles", "tokens", "GMACs"), rows))
    output.print()
    totals = [_total_row(*each) for each in costs.items()]
    memory = f"peak memory for {batch} in fp32, MB"
    output.print(
        make_table(("candidate", "parameters, M", "features", memory, "output, MB"), totals)
    )
    for name, cost in costs.items():
        for note in cost.notes:
            output.print(f"note: {name}: {note}", style="yellow", soft_wrap=True)


def _level_rows(name: str, cost: "Forecast") -> Iterator[Sequence[str]]:
    """A row for each scale, then their sum; the name stands in the first."""
    for first, level in enumerate(cost.levels):
        size = "×".join(map(str, level.image_hw))
        yield ("" if first else name, format_scale(level.scale), size, *_counts(level))
    if len(cost.levels) > 1:
        yield ("", "all", "", *_counts(cost))


def _counts(cost: "Forecast | LevelForecast") -> Sequence[str]:
    return f"{cost.num_tiles}", f"{cost.num_tokens}", f"{cost.macs / 1e9:.2f}"


def _total_row(name: str, cost: "Forecast") -> Sequence[str]:
    grid_h, grid_w = cost.grid_hw
    return (
        name,
        f"{cost.params / 1e6:.2f}",
        f"{grid_h}×{grid_w} cells of {cost.dim}",
        f"{cost.peak_bytes / 1e6:.1f}",
        f"{cost.output_bytes / 1e6:.1f}",
    )
