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
            help="The data set. Classification: rooms (embedded), folder:PATH with one folder for "
            "each class, csv:PATH, hf:NAME, hf:PATH or imagenet:PATH. Segmentation and depth: "
            "rooms, pairs:PATH with images/ and masks/ or depth/, ade20k:PATH, nyu:PATH, hf:NAME "
            "or hf:PATH."
        ),
    ],
    out: Annotated[Path, typer.Option(help="New folder for the results and the report.")],
    candidates: Annotated[
        list[str],
        typer.Option(help="Models and scales to compare: SOURCE@SCALES, separated by spaces."),
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
            "(the picture at the model's own size, so that they show no additional detail)."
        ),
    ] = "native",
    dtype: Annotated[
        str,
        typer.Option(
            help="Precision: fp32, bf16, fp16, or auto (bf16 if the hardware supports it)."
        ),
    ] = "auto",
    tile_batch: Annotated[
        str,
        typer.Option(help="Tiles per forward pass: a number, or auto (as many as fit in memory)."),
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Random seed of splits, folds and resampling.")] = 0,
    device: Annotated[str, typer.Option(help="Where models run, for example cuda.")] = "cpu",
    margin: Annotated[
        float,
        typer.Option(
            help="Smaller differences count as no difference. 0.01 is one percentage point of "
            "accuracy or mean IoU, or one centimetre of RMSE."
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
            help="Also train other probes on the same features: nearest neighbours, few images "
            "per class, other seeds."
        ),
    ] = False,
    controls: Annotated[
        bool,
        typer.Option(
            "--controls",
            help="Also run controls that show what helps about S²: one large image without tiles, "
            "scales averaged instead of joined, features of equal width.",
        ),
    ] = False,
    head: Annotated[
        str | None,
        typer.Option(
            help="Head to train (default: linear). Segmentation: linear, upernet, mask2former, "
            "knn or logistic. Depth: linear, dpt or vpd."
        ),
    ] = None,
    grid: Annotated[
        str | None,
        typer.Option(
            help="Grid of the map that the head gets: base (that of one tile, the default), "
            "largest (that of the largest scale) or HEIGHTxWIDTH in cells."
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Training steps per head (default: the head's own).")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            help="Number of times each head is trained, to measure the spread (default: 1)."
        ),
    ] = None,
    windows: Annotated[
        str | None,
        typer.Option(
            help="How an image is cut: whole (squashed to the shape of a tile, the default) or "
            "slide (overlapping squares along the longer side)."
        ),
    ] = None,
    flip: Annotated[
        bool, typer.Option("--flip", help="Also predict mirrored test images, at twice the cost.")
    ] = False,
    augment: Annotated[
        bool,
        typer.Option(
            "--augment",
            help="Train on augmented images, which run through the backbone again at every step.",
        ),
    ] = False,
    memory: Annotated[
        str | None,
        typer.Option(help="Memory for feature maps while heads train (default: 4GB)."),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder for features that later runs reuse (default: the user's cache folder)."
        ),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not keep features.")] = False,
    cache_limit: Annotated[
        str,
        typer.Option(help="Disk space for features; those unused for longest are deleted first."),
    ] = "20GB",
) -> None:
    """Answer whether a larger vision model is needed, on your images, and write a report.

    An interrupted run goes on where it stopped when you give the same command again.

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
    from polyscale.features import default_cache, parse_bytes
    from polyscale.studies import check_out, plan_compare
    from polyscale.tasks import to_task

    check_out(out)
    if cache is not None and no_cache:
        raise InputError("cache must not be given with --no-cache. Leave one out.")
    limit_bytes = parse_bytes(cache_limit, name="--cache-limit")
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
