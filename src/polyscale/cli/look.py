"""`polyscale look`."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.console import LimitOption, make_table, output
from polyscale.progress import progress_bars


def look(
    data: Annotated[
        str,
        typer.Option(help="The data set, for example rooms or folder:PATH, as compare takes it."),
    ],
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("look.html"),
    task: Annotated[
        str | None, typer.Option(help="The task, as compare takes it (default: classification).")
    ] = None,
    limit: LimitOption = None,
    seed: Annotated[
        int, typer.Option(help="Random seed of the split and of the images that are shown.")
    ] = 0,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Do not keep what is found in images.")
    ] = False,
) -> None:
    """Look at a data set before any model runs: classes, targets, sizes and suspicious images.

    \b
    Examples:
        polyscale look --data folder:photos
        polyscale look --data rooms --task segmentation --out rooms.html
    """  # noqa: D301 - \b keeps the lines
    from polyscale.data import default_inspection_cache, with_limit
    from polyscale.report import check_page, write_look
    from polyscale.studies import look as look_at
    from polyscale.tasks import to_task

    check_page(out)
    chosen = to_task(task, None)
    with progress_bars() as progress:
        loaded = chosen.load(
            with_limit(data, limit),
            seed=seed,
            cache=None if no_cache else default_inspection_cache(),
            progress=progress,
        )
        found = look_at(chosen, loaded, seed=seed, progress=progress)
    write_look(found, out)
    record = found.data
    train, test = record.samples
    output.print(f"{record.name}: {record.num_train} {train} and {record.num_test} {test}")
    output.print(f"split: {record.about}", soft_wrap=True)
    if record.report.sizes:
        output.print(f"size of the images: {record.report.sizes}", soft_wrap=True)
    if record.classes:
        rows = [(name, *map(str, counts)) for name, counts in record.classes.items()]
        output.print(make_table((record.grouped_by, "training", "test"), rows))
    for note in record.report.notes:
        output.print(note, soft_wrap=True)
    output.print(f"page: {out}", soft_wrap=True)
