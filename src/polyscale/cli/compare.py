"""`polyscale compare`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from polyscale.cli.comparing import run_plan
from polyscale.cli.console import progress_bars
from polyscale.errors import InputError


def compare(
    data: Annotated[
        str,
        typer.Option(
            help="rooms (embedded), folder:PATH with one folder a class, csv:PATH, hf:NAME, "
            "hf:PATH or imagenet:PATH."
        ),
    ],
    out: Annotated[Path, typer.Option(help="New folder for the results and the report.")],
    candidates: Annotated[
        list[str], typer.Option(help="SOURCE@SCALES, several with spaces between.")
    ],
    more: Annotated[list[str] | None, typer.Argument(hidden=True, metavar="CANDIDATE")] = None,
    task: Annotated[str, typer.Option(help="classification.")] = "classification",
    source: Annotated[
        str,
        typer.Option(
            help="What larger scales are resized from: native (the original picture) or base "
            "(the picture at the model's own size, so that no new pixel enters)."
        ),
    ] = "native",
    dtype: Annotated[
        str, typer.Option(help="fp32, bf16, fp16, or auto: bf16 where the machine is built for it.")
    ] = "auto",
    tile_batch: Annotated[
        str, typer.Option(help="Tiles through the model at once: a number, or auto for what fits.")
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Of splits, folds and resampling.")] = 0,
    device: Annotated[str, typer.Option(help="Where models run, for example cuda.")] = "cpu",
    margin: Annotated[
        float, typer.Option(help="Of accuracy, 0 to 1; a smaller difference counts as none.")
    ] = 0.01,
    protocol: Annotated[
        str,
        typer.Option(help="fast: logistic regression that converges; paper: one layer, 30 epochs."),
    ] = "fast",
    features: Annotated[
        str, typer.Option(help="What the probe sees of each scale: both, cls or mean.")
    ] = "both",
    probes: Annotated[
        bool,
        typer.Option(
            help="Other probes on the same features: neighbours, few images a class, seeds."
        ),
    ] = False,
    controls: Annotated[
        bool,
        typer.Option(
            "--controls",
            help="Take S² apart: one large image, scales averaged, features of equal width.",
        ),
    ] = False,
    cache: Annotated[
        Path | None, typer.Option(help="Folder for features, which later runs use again.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Keep no features.")] = False,
    cache_limit: Annotated[
        str, typer.Option(help="What features may take on the disk; the longest unused go first.")
    ] = "20GB",
) -> None:
    """Answer whether a larger vision model is needed, on your images, and write a report.

    An interrupted run goes on where it stopped when the same command is given again.

    \b
    Examples:
        polyscale compare --data rooms --out runs/rooms --candidates \\
            pip:efficientnet_lite0@1 pip:efficientnet_lite0@1,2 pip:efficientnet_lite2@1
        polyscale compare --data folder:photos --out runs/photos --candidates \\
            pip:dinov2_small@1 pip:dinov2_small@1,2
    """  # noqa: D301 - \b keeps the lines
    from polyscale.data import default_inspection_cache
    from polyscale.store import default_cache, parse_bytes
    from polyscale.studies import CompareSettings, check_out, plan_compare

    check_out(out)
    if cache is not None and no_cache:
        raise InputError("cache must not be given with --no-cache. Leave one out.")
    limit_bytes = parse_bytes(cache_limit)
    settings = CompareSettings(
        source=source,  # type: ignore[arg-type]  # checked there, like those below
        task=task,
        dtype=dtype,  # type: ignore[arg-type]
        tile_batch=_tile_batch(tile_batch),
        seed=seed,
        device=device,
        margin=margin,
        protocol=protocol,  # type: ignore[arg-type]
        feature=features,  # type: ignore[arg-type]
        probes=probes,
        controls=controls,
    )
    with progress_bars() as progress:
        plan = plan_compare(
            data,
            [*candidates, *(more or [])],
            settings,
            image_cache=None if no_cache else cache or default_inspection_cache(),
            progress=progress,
        )
    run_plan(
        plan,
        out,
        cache=None if no_cache else cache or default_cache(),
        cache_limit_bytes=limit_bytes,
    )


def _tile_batch(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    try:
        return int(text)
    except ValueError:
        raise InputError(f"tile_batch must be auto or a number, but got {text!r}.") from None
