"""`polyscale compare`."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.console import errors, output, progress_bars


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
    tile_batch: Annotated[int, typer.Option(help="Tiles through the model at once.")] = 16,
    seed: Annotated[int, typer.Option(help="Of splits, folds and resampling.")] = 0,
    device: Annotated[str, typer.Option(help="Where models run, for example cuda.")] = "cpu",
    cache: Annotated[
        Path | None, typer.Option(help="Folder for features, which later runs use again.")
    ] = None,
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
    from polyscale.report import read_answers, write_report
    from polyscale.store import default_cache
    from polyscale.studies import (
        CompareSettings,
        check_out,
        is_finished,
        new_run,
        plan_compare,
        run_compare,
    )

    check_out(out)
    settings = CompareSettings(
        source=source,  # type: ignore[arg-type]  # checked there
        task=task,
        dtype=dtype,  # type: ignore[arg-type]
        tile_batch=tile_batch,
        seed=seed,
        device=device,
    )
    with progress_bars() as progress:
        plan = plan_compare(
            data,
            [*candidates, *(more or [])],
            settings,
            image_cache=cache or default_inspection_cache(),
            progress=progress,
        )
    for note in plan.data.notes:
        errors.print(f"warning: {note}", style="yellow", soft_wrap=True)
    if is_finished(out, plan.facts):
        errors.print("This very run is already there; nothing was computed.")
    else:
        with progress_bars() as progress:
            comparison = run_compare(plan, cache=cache or default_cache(), progress=progress)
        with new_run(out) as folder:
            comparison.save(folder)
            write_report(folder)
    for answer in read_answers(out):
        output.print(answer, soft_wrap=True)
    output.print(f"report: {out / 'report.html'}", soft_wrap=True)
