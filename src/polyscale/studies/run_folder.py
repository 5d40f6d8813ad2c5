"""The folder of a run: whole or absent, and never written over."""

import errno
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from polyscale.errors import InputError, RunError
from polyscale.features import temporary_folder

REPORT_FILES = ("curves.png", "report.html")
"""What the report of a run writes."""

FILES = (
    *REPORT_FILES,
    "contrasts.json",
    "data.json",
    "gallery.parquet",
    "results.csv",
    "results.json",
    "selection.json",
    "sweet_spots.json",
    "task.json",
    "timing.json",
    "verdicts.json",
)
"""Of every run."""


def check_out(out: Path) -> None:
    """Refuse, before anything is computed, a folder that could not be written at the end.

    Raises:
        InputError: if `out` is a file, or the disk refuses a folder beside it.
    """
    try:
        if out.exists() and not out.is_dir():
            raise InputError(f"out must be a folder, but {str(out)!r} is a file. Choose another.")
        existing = next(p for p in _absolute(out).parents if p.exists())
        with temporary_folder(existing, prefix=f".{_absolute(out).name}-"):
            pass
    except OSError as error:
        raise InputError(
            f"out must be a folder that can be written, but {str(out)!r} is not "
            f"({error.strerror or error}). Choose another."
        ) from error


def is_finished(out: Path, facts: Mapping[str, object], files: Sequence[str]) -> bool:
    """Whether the folder holds this very run already, with or without its report.

    Args:
        out: the folder that the user names.
        facts: what the run is asked to do, see `ComparePlan`.
        files: names of the files that a finished run holds.

    Raises:
        InputError: if the folder holds anything else.
    """
    if not out.exists() or not any(out.iterdir()):
        return False
    settings = _settings(out / "results.json")
    if settings is None:
        raise InputError(
            f"out must be a new folder, but {str(out)!r} holds other files. Choose another."
        )
    wanted = json.loads(json.dumps(dict(facts)))
    changed = [key for key, value in wanted.items() if settings.get(key) != value]
    if changed:
        raise InputError(
            f"out must be a new folder, but {str(out)!r} holds another run "
            f"(it differs in {' and '.join(changed)}). Choose another, or delete it first."
        )
    missing = [n for n in files if n not in REPORT_FILES and not (out / n).is_file()]
    if missing:
        raise InputError(
            f"out {str(out)!r} holds this run, but without {' and '.join(missing)}. "
            "Delete it and run again; features are kept."
        )
    return True


def check_complete(out: Path) -> None:
    """Tell of candidates that failed in a finished run.

    Raises:
        RunError: with each of them and why.
    """
    try:
        failures = json.loads((out / "failures.json").read_text(encoding="utf-8"))
        failed = "; ".join(f"{f['candidate']} ({f['error']})" for f in failures)
    except FileNotFoundError:
        return
    except (ValueError, LookupError, TypeError):
        failed = "failures.json does not say which"
    raise RunError(
        f"{failed}: failed, the other candidates are in {str(out)!r}. "
        "Delete it and run again; features are kept."
    )


@contextmanager
def new_run(out: Path) -> Iterator[Path]:
    """A folder to write into that becomes `out` at the end, or vanishes on an error.

    Raises:
        RunError: if the disk refuses.
    """
    out = _absolute(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(out.parent, prefix=f".{out.name}-") as temporary:
            folder = temporary / "run"
            folder.mkdir()
            yield folder
            if not out.exists():
                os.replace(folder, out)  # noqa: PTH105 - atomic
            else:  # empty, as `is_finished` made sure; what makes it a run comes last
                for name in sorted(path.name for path in folder.iterdir()):
                    os.replace(folder / name, out / name)  # noqa: PTH105
    except OSError as error:
        raise RunError(
            f"out {str(out)!r} cannot be written ({error.strerror or error}). "
            "Make room, or choose another folder."
        ) from error


def _absolute(out: Path) -> Path:
    """With a name also for `.`, and behind links.

    Raises:
        OSError: if links lead in a circle.
    """
    try:
        path = out.resolve()
        circular = any(part.is_symlink() for part in (path, *path.parents))
    except RuntimeError:  # Python before 3.13
        circular = True
    if circular:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(out))
    return path


def _settings(results: Path) -> dict[str, object] | None:
    """The settings of the run in the folder, or None where there is no run."""
    try:
        rows = json.loads(results.read_text(encoding="utf-8"))
        return dict(rows[0]["settings"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
