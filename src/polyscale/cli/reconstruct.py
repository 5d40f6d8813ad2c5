"""`polyscale reconstruct`."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.compare import run_plan
from polyscale.cli.console import (
    CacheLimitOption,
    CacheOption,
    DeviceOption,
    JsonOption,
    LimitOption,
    QuietOption,
    SourceOption,
)
from polyscale.progress import progress_bars


def reconstruct(
    target: Annotated[str, typer.Option(help="The larger model, whose features are predicted.")],
    candidates: Annotated[
        list[str],
        typer.Option(
            "--from", help="What they are predicted from: SOURCE@SCALES, separated by spaces."
        ),
    ],
    data: Annotated[
        str,
        typer.Option(
            help="Images, for example rooms or folder:PATH: any data of polyscale compare, or a "
            "folder without classes."
        ),
    ],
    out: Annotated[Path, typer.Option(help="New folder for the results and the report.")],
    more: Annotated[list[str] | None, typer.Argument(hidden=True, metavar="CANDIDATE")] = None,
    upper: Annotated[
        str | None,
        typer.Option(
            help="The upper bound: a model with more capacity than the target. Without it, results "
            "are not given as shares."
        ),
    ] = None,
    source: SourceOption = "native",
    dtype: Annotated[
        str, typer.Option(metavar="[auto|fp32|bf16|fp16]", help="Precision of the models.")
    ] = "auto",
    device: DeviceOption = "auto",
    seed: Annotated[int, typer.Option(help="Random seed of splits, folds and resampling.")] = 0,
    no_costs: Annotated[
        bool, typer.Option("--no-costs", help="Do not measure time and memory.")
    ] = False,
    limit: LimitOption = None,
    cache: CacheOption = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not keep features.")] = False,
    cache_limit: CacheLimitOption = "20GB",
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """What does a larger model have that smaller ones, or several scales of them, lack?

    For each candidate, one linear map is fitted that predicts the target's features from its own,
    in every cell of the feature map. Its information, in bits, is -log2 of its loss divided by the
    loss of the best constant; it is also given as a share of the upper bound's information.

    \b
    Examples:
        polyscale reconstruct --target pip:efficientnet_lite1 --upper pip:efficientnet_lite2 \\
            --data rooms --out runs/what-is-missing \\
            --from pip:efficientnet_lite0@1 pip:efficientnet_lite0@1,2
    """  # noqa: D301 - \b keeps the lines
    from polyscale.data import default_inspection_cache, with_limit
    from polyscale.errors import InputError
    from polyscale.features import default_cache, parse_bytes
    from polyscale.studies import check_out, plan_reconstruct, run_reconstruct
    from polyscale.tasks.reconstruction import ReconstructionSettings

    check_out(out)
    if cache is not None and no_cache:
        raise InputError("cache must not be given with --no-cache. Leave one out.")
    limit_bytes = parse_bytes(cache_limit, name="--cache-limit")
    settings = ReconstructionSettings(
        source=source,  # type: ignore[arg-type]
        dtype=dtype,  # type: ignore[arg-type]
        device=device,
        seed=seed,
        costs=not no_costs,
    )
    with progress_bars() as progress:
        plan = plan_reconstruct(
            with_limit(data, limit),
            target,
            [*candidates, *(more or [])],
            upper=upper,
            settings=settings,
            image_cache=None if no_cache else cache or default_inspection_cache(),
            progress=progress,
        )
    run_plan(
        plan,
        out,
        run=run_reconstruct,
        cache=None if no_cache else cache or default_cache(),
        cache_limit_bytes=limit_bytes,
        as_json=as_json,
    )
