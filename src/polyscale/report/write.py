"""From run folders to a report."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polyscale.errors import InputError, require
from polyscale.report.files import replace_file

NEEDED = ("jinja2", "matplotlib", "pyarrow", "scipy", "statsmodels")


@dataclass(frozen=True)
class Written:
    """A report that was drawn.

    Attributes:
        path: of the page.
        answers: what it says at its top, as lines of text.
        notes: what its reader must know of how runs were put together.
    """

    path: Path
    answers: tuple[str, ...]
    notes: tuple[str, ...]


def write_report(run: Path) -> Path:
    """Write `curves.png` and `report.html` into a folder that `polyscale compare` wrote.

    Args:
        run: the folder with `results.json`, `contrasts.json`, `gallery.parquet` and
            `predictions.parquet`, or of depth `images.parquet`, or of segmentation that and
            `classes.json` and `sizes.json`; other files of a run are shown where they are there.

    Returns:
        The path of `report.html`: one page that needs no other file and no network.

    Raises:
        InputError: if a file of the folder is missing or damaged, or they disagree.
        MissingExtraError: if the extra `compare` is not installed.
    """
    return draw_report([run]).path


def draw_report(runs: Sequence[Path], out: Path | None = None) -> Written:
    """Draw the report of a run, or of several as one.

    Runs on the same data are merged: contrasts and verdicts are computed anew from the answers
    to the test images. Others stand side by side, without contrasts.

    Args:
        runs: folders that `polyscale compare` wrote.
        out: the page to write; None, of one run, is its own `report.html` and `curves.png`.

    Raises:
        InputError: if there is no run or one is given twice, a file is missing or damaged, or
            `out` is missing or no page.
        MissingExtraError: if the extra `compare` is not installed.
    """
    for package in NEEDED:
        require(package, extra="compare", feature="write_report")
    path = _checked_out(runs, out)
    # behind `require`, so that the name exists where the extra does not
    from polyscale.report.curves import draw_png
    from polyscale.report.merge import differences, merge
    from polyscale.report.page import render_page, render_side_by_side
    from polyscale.report.read import read_run
    from polyscale.report.words import plain_answers, side_by_side_note

    found = [read_run(run) for run in runs]
    apart = differences(found) if len(found) > 1 else []
    if apart:
        note = side_by_side_note(apart)
        replace_file(path, render_side_by_side(found, note).encode())
        answers = [f"{run.folder}: {line}" for run in found for line in plain_answers(run)]
        return Written(path, tuple(answers), (note,))
    run = merge(found) if len(found) > 1 else found[0]
    page = render_page(run).encode()
    if out is None:
        replace_file(path.with_name("curves.png"), draw_png(run.results))
    replace_file(path, page)
    return Written(path, tuple(plain_answers(run)), run.notes)


def read_answers(run: Path) -> list[str]:
    """What the report of a finished run says at its top, as lines of text.

    Raises:
        InputError: as `write_report`.
        MissingExtraError: as `write_report`.
    """
    for package in NEEDED:
        require(package, extra="compare", feature="read_answers")
    from polyscale.report.read import read_run
    from polyscale.report.words import plain_answers

    return plain_answers(read_run(run))


def _checked_out(runs: Sequence[Path], out: Path | None) -> Path:
    if not runs:
        raise InputError("runs must hold at least one folder, but is empty. Name a finished run.")
    folders = [run.resolve() for run in runs]
    for run, folder in zip(runs, folders, strict=True):
        if folders.count(folder) > 1:
            raise InputError(f"runs must differ, but {str(run)!r} is given twice.")
    if out is None:
        if len(runs) > 1:
            raise InputError(
                f"out must be given for several runs, but is not for {len(runs)}. "
                "Add --out report.html."
            )
        return runs[0] / "report.html"
    if out.suffix.lower() not in (".html", ".htm") or out.is_dir():
        raise InputError(f"out must be a page, but got {str(out)!r}. Let it end in .html.")
    if not out.parent.is_dir():
        raise InputError(
            f"out must be in a folder that exists, but {str(out.parent)!r} does not. Make it first."
        )
    return out
