"""From run folders to a report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from polyscale.errors import InputError, first_line, require
from polyscale.report.files import replace_file

if TYPE_CHECKING:
    from markupsafe import Markup

    from polyscale.records import Look
    from polyscale.report.run import Run

NEEDED = ("jinja2", "matplotlib", "pyarrow", "scipy")


@dataclass(frozen=True)
class Written:
    """A report that was drawn."""

    path: Path
    answers: tuple[str, ...]  # what it says at its top, as lines of text
    notes: tuple[str, ...]  # what its reader must know of how runs were put together


def write_report(
    run: str | Path, *, sections: Sequence["Callable[[Run], Markup | None]"] = ()
) -> Path:
    """Write `curves.png` and `report.html` into a folder that `polyscale compare` wrote.

    Args:
        run: the folder with `task.json`, `results.json`, `contrasts.json`, `gallery.parquet` and
            the file of images that `task.json` names; other files of a run are shown where they
            are there.
        sections: further ones of your own, see `polyscale.report.sections`.

    Returns:
        The path of `report.html`: one page that needs no other file and no network.

    Raises:
        InputError: if a file of the folder is missing or damaged, or they disagree.
        MissingExtraError: if the extra `compare` is not installed.
    """
    return draw_report([run], sections=sections).path


def draw_report(
    runs: Sequence[str | Path],
    out: str | Path | None = None,
    *,
    sections: Sequence["Callable[[Run], Markup | None]"] = (),
) -> Written:
    """Draw the report of a run, or of several as one.

    Runs on the same data are merged: contrasts and verdicts are computed anew from what each
    candidate does on each test image. Others stand side by side, without contrasts.

    Args:
        runs: folders that `polyscale compare` wrote.
        out: the page to write; None, of one run, is its own `report.html` and `curves.png`.
        sections: as for `write_report`; pages of runs side by side have none.

    Raises:
        InputError: if there is no run or one is given twice, a file is missing or damaged, or
            `out` is missing or no page.
        MissingExtraError: if the extra `compare` is not installed.
    """
    _require_packages("write_report")
    folders, page_file = [Path(run) for run in runs], None if out is None else Path(out)
    path = _checked_out(folders, page_file)
    # behind `require`, so that the name exists where the extra does not
    from polyscale.report.curves import draw_png
    from polyscale.report.merge import cannot_merge, merge
    from polyscale.report.page import render_page, render_side_by_side
    from polyscale.report.read import read_run
    from polyscale.report.words import plain_answers

    read = [read_run(folder) for folder in folders]
    note = cannot_merge(read) if len(read) > 1 else ""
    if note:
        page = render_side_by_side(read, note)
        answers = [f"{run.folder}: {line}" for run in read for line in plain_answers(run)]
    else:
        run = merge(read) if len(read) > 1 else read[0]
        page, answers = render_page(run, sections), plain_answers(run)
        if out is None:
            replace_file(path.with_name("curves.png"), draw_png(run))
    # names of folders may hold bytes that are not UTF-8
    replace_file(path, page.encode(errors="replace"))
    return Written(path, tuple(answers), (note,) if note else run.notes)


def write_look(look: "Look", out: str | Path) -> None:
    """Write what `polyscale.studies.look` found as one page that needs no other file.

    Raises:
        InputError: if `out` is no page.
        MissingExtraError: if the extra `compare` is not installed.
        RunError: if the disk refuses.
    """
    _require_packages("write_look")
    path = Path(out)
    check_page(path)
    from polyscale.report.page import render_look

    replace_file(path, render_look(look).encode(errors="replace"))


def check_page(out: Path) -> None:
    """Refuse, before anything is computed, a path that no page can be written to.

    Raises:
        InputError: if it does not end in `.html`, or its folder does not exist.
    """
    if out.suffix.lower() not in (".html", ".htm") or out.is_dir():
        raise InputError(f"out must be a page, but got {str(out)!r}. Let it end in .html.")
    if not out.parent.is_dir():
        raise InputError(
            f"out must be in a folder that exists, but {str(out.parent)!r} does not. Make it first."
        )


def read_answers(run: str | Path) -> list[str]:
    """What the report of a finished run says at its top, as lines of text.

    Raises:
        InputError: as `write_report`.
        MissingExtraError: as `write_report`.
    """
    _require_packages("read_answers")
    from polyscale.report.read import read_run
    from polyscale.report.words import plain_answers

    return plain_answers(read_run(Path(run)))


def _require_packages(feature: str) -> None:
    for package in NEEDED:
        require(package, extra="compare", feature=feature)


def _checked_out(runs: Sequence[Path], out: Path | None) -> Path:
    if not runs:
        raise InputError("runs must hold at least one folder, but is empty. Name a finished run.")
    try:
        folders = [run.resolve() for run in runs]
    except RuntimeError as error:  # Python before 3.13
        raise InputError(
            f"runs must be folders, but links lead in a circle ({first_line(error)})."
        ) from error
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
    check_page(out)
    return out
