"""What `compare` and `recipe run` do with a plan: warn, run, write, tell."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from polyscale.cli.console import errors, output, progress_bars

if TYPE_CHECKING:
    from polyscale.studies import ComparePlan


def run_plan(
    plan: "ComparePlan",
    out: Path,
    *,
    cache: Path | None,
    cache_limit_bytes: int | None = None,
    tell: Callable[[], None] | None = None,
) -> None:
    """Run a plan into a folder, or leave what is already there, and print its answers.

    Args:
        plan: what to do.
        out: folder of the run, already checked.
        cache: folder where features are kept; None keeps nothing.
        cache_limit_bytes: what features may take there; None is no limit.
        tell: prints what stands before the answers.

    Raises:
        RunError: if a candidate failed; everything is written then.
    """
    from polyscale.report import read_answers, write_report
    from polyscale.studies import check_complete, is_finished, new_run, run_compare

    for note in plan.data.notes:
        errors.print(f"warning: {note}", style="yellow", soft_wrap=True)
    if is_finished(out, plan.facts, plan.files):
        errors.print("This very run is already there; nothing was computed.")
    else:
        with progress_bars() as progress:
            comparison = run_compare(
                plan, cache=cache, cache_limit_bytes=cache_limit_bytes, progress=progress
            )
        with new_run(out) as folder:
            comparison.save(folder)
            write_report(folder)
    if tell is not None:
        tell()
    for answer in read_answers(out):
        output.print(answer, soft_wrap=True)
    output.print(f"report: {out / 'report.html'}", soft_wrap=True)
    check_complete(out)
