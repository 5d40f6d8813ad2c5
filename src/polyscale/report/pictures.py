"""Pictures as files."""

from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from polyscale.errors import InputError, require
from polyscale.report.files import replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENDINGS = (".png", ".svg", ".pdf")
DPI = 144  # half again the 96 pixels an inch of a drawing: sharp on screens with finer pixels


def check_picture(path: Path, *, sources: Iterable[Path] = (), argument: str = "out") -> None:
    """Refuse, before anything is computed, a path that no picture can be written to.

    Raises:
        InputError: if the ending is none of `.png`, `.svg` and `.pdf`, the folder does not exist,
            or the path is that of a source, which must not be overwritten, or of a link that leads
            nowhere.
        MissingExtraError: if matplotlib is not installed.
    """
    require("matplotlib", extra="compare", feature="a picture")
    shown = repr(str(path))
    if path.suffix.lower() not in ENDINGS:
        raise InputError(
            f"{argument} must end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}, but got {shown}."
        )
    leads_nowhere = path.is_symlink() and not path.exists()
    if not path.parent.is_dir() or path.is_dir() or leads_nowhere:
        raise InputError(
            f"{argument} must be a file in a folder that exists, but got {shown}. "
            "Make the folder first, or choose another."
        )
    if path.exists() and any(path.samefile(source) for source in sources):
        raise InputError(f"{argument} must be another file than the image, but got {shown}.")


def write_picture(draw: "Callable[[], Figure]", path: Path) -> None:
    """Write a drawing with the same bytes each time, whatever the user's settings of matplotlib."""
    from polyscale.report.drawing import settings

    check_picture(path)
    ending = path.suffix.lower().removeprefix(".")
    undated = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    out = BytesIO()
    with settings("polyscale"):
        draw().savefig(out, format=ending, dpi=DPI, metadata=undated[ending])
    replace_file(path, out.getvalue())
