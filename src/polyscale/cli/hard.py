"""`polyscale hard`."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.compare import run_plan
from polyscale.cli.console import CacheOption, JsonOption, QuietOption
from polyscale.progress import progress_bars


def hard(
    run: Annotated[Path, typer.Argument(help="Folder of a finished comparison of classification.")],
    out: Annotated[Path, typer.Option(help="New folder for the results and the report.")],
    base: Annotated[
        str | None,
        typer.Option(help="The small model at scale 1, if not the one of the run's verdict."),
    ] = None,
    s2: Annotated[str | None, typer.Option(help="The same model at several scales.")] = None,
    larger: Annotated[str | None, typer.Option(help="A larger model at scale 1.")] = None,
    cache: CacheOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Find the test images on which the larger model gains and several scales do not.

    Repeats a comparison from its kept features, without measuring costs. Heads are trained on
    halves of the training images: one half finds images, the other measures the gain on them, so
    that chance does not count. Each image is shown beside two easy ones of its class; the report
    says whether it looks rare or has an ambiguous label. hard.csv lists all of them.

    \b
    Examples:
        polyscale hard runs/photos --out runs/photos-hard
        polyscale hard runs/photos --out runs/named --base pip:efficientnet_lite0@1 \\
            --s2 pip:efficientnet_lite0@1,2 --larger pip:efficientnet_lite1@1
    """  # noqa: D301 - \b keeps the lines
    from polyscale.data import default_inspection_cache
    from polyscale.features import default_cache
    from polyscale.studies import check_out, plan_hard

    check_out(out)
    with progress_bars() as progress:
        plan = plan_hard(
            run,
            base=base,
            s2=s2,
            larger=larger,
            image_cache=cache or default_inspection_cache(),
            progress=progress,
        )
    run_plan(plan, out, cache=cache or default_cache(), as_json=as_json)
