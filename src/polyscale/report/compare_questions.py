"""Two runs of questions beside each other, on one page."""

from collections.abc import Sequence
from pathlib import Path

from polyscale.errors import InputError
from polyscale.report.write import Written, draw_report


def compare_questions(runs: Sequence[str | Path], out: str | Path) -> Written:
    """Write a page of two runs on the same questions: their differences, with the paired test.

    Args:
        runs: two folders that `polyscale vstar` wrote.
        out: the page to write.

    Raises:
        InputError: if there are not two, one asks no questions, they are of one model, or they
            differ in protocol, data or questions.
        MissingExtraError: if the extra `compare` is not installed.
    """
    folders = [Path(run) for run in runs]
    if len(folders) != 2:
        raise InputError(f"runs must be two folders, but got {len(folders)}. Name two.")
    _check_comparable(folders)
    return draw_report(folders, out)


def _check_comparable(folders: Sequence[Path]) -> None:
    from polyscale.report.merge import differences
    from polyscale.report.read import read_run

    read = [read_run(folder) for folder in folders]
    for run in read:
        if not run.questions:
            raise InputError(
                f"runs must be of polyscale vstar, but {run.folder!r} is of {run.task.task}. "
                "Use polyscale report for it."
            )
    first, second = read
    if set(first.rows) & set(second.rows):
        raise InputError(
            f"runs must be of two models, but {first.folder!r} and {second.folder!r} are both of "
            f"{first.results[0].candidate}. Name one of the models differently with --name."
        )
    for what, of_first, of_second in (
        ("protocol", first.task.task, second.task.task),
        ("data", first.results[0].data, second.results[0].data),
    ):
        if of_first != of_second:
            raise InputError(
                f"runs must share their {what}, but {first.folder!r} is {of_first!r} and "
                f"{second.folder!r} is {of_second!r}. Their numbers cannot be compared."
            )
    if names := differences(read):
        raise InputError(
            f"runs must ask the same questions, but {first.folder!r} and {second.folder!r} differ "
            f"in {', '.join(names)}. Run one of them again."
        )
