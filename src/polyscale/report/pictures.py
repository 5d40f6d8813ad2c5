"""Pictures of studies as files."""

from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from polyscale.errors import InputError, require
from polyscale.records.seams import SeamReport
from polyscale.records.shown import Shown
from polyscale.report.files import replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENDINGS = (".png", ".svg", ".pdf")
DPI = 144  # half again the sheet's 96 pixels an inch: sharp on screens with finer pixels


def check_picture(path: Path, *, sources: Iterable[Path] = ()) -> None:
    """Refuse, before anything is computed, a path that no picture can be written to.

    Args:
        path: of the picture.
        sources: files that must not be overwritten.

    Raises:
        InputError: if the ending is none of `.png`, `.svg` and `.pdf`, the folder does not exist,
            or the path is that of a source or of a link that leads nowhere.
        MissingExtraError: if matplotlib is not installed.
    """
    require("matplotlib", extra="compare", feature="a picture")
    if path.suffix.lower() not in ENDINGS:
        raise InputError(
            f"out must end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}, but got {str(path)!r}."
        )
    leads_nowhere = path.is_symlink() and not path.exists()
    if not path.parent.is_dir() or path.is_dir() or leads_nowhere:
        raise InputError(
            f"out must be a file in a folder that exists, but got {str(path)!r}. "
            "Make the folder first, or choose another."
        )
    if path.exists() and any(path.samefile(source) for source in sources):
        raise InputError(f"out must be another file than the image, but got {str(path)!r}.")


def write_shown(shown: Shown, path: Path, *, title: str) -> None:
    """Draw what `polyscale.studies.show` found.

    Args:
        shown: the picture and its scales.
        path: ends in `.png`, `.svg` or `.pdf`.
        title: of the picture, for example its file's name.
    """
    from polyscale.report.show_picture import draw_shown

    _write(lambda: draw_shown(shown, title=title), path)


def write_seams(report: SeamReport, path: Path) -> None:
    """Draw what `polyscale.studies.compare_seams` found; the path as for `write_shown`."""
    from polyscale.report.seams_picture import draw_seams

    _write(lambda: draw_seams(report), path)


def _write(draw: "Callable[[], Figure]", path: Path) -> None:
    """The whole file or none, the same each time."""
    from polyscale.report.settings import settings

    check_picture(path)
    ending = path.suffix.lower().removeprefix(".")
    undated = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    out = BytesIO()
    with settings("polyscale"):
        draw().savefig(out, format=ending, dpi=DPI, metadata=undated[ending])
    replace_file(path, out.getvalue())
