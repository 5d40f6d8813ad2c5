"""`polyscale compare`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from polyscale.cli.compare_settings import make_settings
from polyscale.cli.comparing import run_plan
from polyscale.cli.console import progress_bars
from polyscale.errors import InputError


def compare(
    data: Annotated[
        str,
        typer.Option(
            help="rooms (embedded), folder:PATH with one folder a class, csv:PATH, hf:NAME, "
            "hf:PATH or imagenet:PATH; for segmentation and depth rooms, pairs:PATH with images/ "
            "and masks/ or depth/, ade20k:PATH, nyu:PATH, hf:NAME or hf:PATH."
        ),
    ],
    out: Annotated[Path, typer.Option(help="New folder for the results and the report.")],
    candidates: Annotated[
        list[str], typer.Option(help="SOURCE@SCALES, several with spaces between.")
    ],
    more: Annotated[list[str] | None, typer.Argument(hidden=True, metavar="CANDIDATE")] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="What is predicted: classification (the default), segmentation, depth, "
            "multilabel, regression, retrieval, or a task that another package brings."
        ),
    ] = None,
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
        float,
        typer.Option(
            help="A smaller difference counts as none: 0.01 is one point of accuracy or mean IoU, "
            "or a centimetre of RMSE."
        ),
    ] = 0.01,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Of classification. fast: logistic regression that converges (the default); "
            "paper: one layer, 30 epochs."
        ),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(help="What heads see of each scale: both (the default), cls or mean."),
    ] = None,
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
    head: Annotated[
        str | None,
        typer.Option(
            help="Segmentation: linear, upernet, mask2former, knn, logistic. "
            "Depth: linear, dpt, vpd."
        ),
    ] = None,
    grid: Annotated[
        str | None,
        typer.Option(
            help="Cells of the map that a head sees: base (of the model's own tile), largest (of "
            "the largest scale) or HEIGHTxWIDTH."
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Of training; the head's own if not given.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Trainings of each head, to tell how far they spread.")
    ] = None,
    windows: Annotated[
        str | None,
        typer.Option(help="whole: images are squashed to the tile; slide: squares along them."),
    ] = None,
    flip: Annotated[
        bool, typer.Option("--flip", help="See test images mirrored too, at twice the cost.")
    ] = False,
    augment: Annotated[
        bool,
        typer.Option(
            "--augment", help="Train on altered images, which run through the model every time."
        ),
    ] = False,
    memory: Annotated[
        str | None, typer.Option(help="What maps may take in memory while heads train.")
    ] = None,
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
        polyscale compare --task segmentation --data pairs:scans --out runs/scans --candidates \\
            pip:dinov2_small@1 pip:dinov2_small@1,2
    """  # noqa: D301 - \b keeps the lines
    from polyscale.data import default_inspection_cache
    from polyscale.store import default_cache, parse_bytes
    from polyscale.studies import check_out, plan_compare
    from polyscale.tasks import to_task

    check_out(out)
    if cache is not None and no_cache:
        raise InputError("cache must not be given with --no-cache. Leave one out.")
    limit_bytes = parse_bytes(cache_limit)
    shared = {
        "source": source,
        "dtype": dtype,
        "tile_batch": _tile_batch(tile_batch),
        "seed": seed,
        "device": device,
        "margin": margin,
    }
    own = {
        "protocol": protocol,
        "features": features,
        "probes": probes,
        "controls": controls,
        "head": head,
        "grid": grid,
        "steps": steps,
        "seeds": seeds,
        "windows": windows,
        "flip": flip,
        "augment": augment,
        "memory": memory,
    }
    chosen = to_task(task, None)
    settings = make_settings(chosen, shared, own)
    with progress_bars() as progress:
        plan = plan_compare(
            data,
            [*candidates, *(more or [])],
            settings,
            task=chosen,
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
