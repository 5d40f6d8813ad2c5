"""The folder of a run: whole or absent, and never written over."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from polyscale.errors import InputError, RunError


def is_finished(out: Path, facts: Mapping[str, object]) -> bool:
    """Whether the folder holds this very run already.

    Args:
        out: the folder that the user names.
        facts: what the run is asked to do, see `run_facts`.

    Raises:
        InputError: if the folder holds anything else.
    """
    if not out.exists():
        return False
    if not out.is_dir():
        raise InputError(f"out must be a folder, but {str(out)!r} is a file. Choose another.")
    if not any(out.iterdir()):
        return False
    asked = json.loads(json.dumps(dict(facts)))
    found = _settings(out / "results.json")
    if found is None:
        raise InputError(
            f"out must be a new folder, but {str(out)!r} holds other files. Choose another."
        )
    changed = [key for key, value in asked.items() if found.get(key) != value]
    if changed:
        raise InputError(
            f"out must be a new folder, but {str(out)!r} holds another run "
            f"(its {' and '.join(changed)} differ). Choose another, or delete it first."
        )
    return True


@contextmanager
def new_run(out: Path) -> Iterator[Path]:
    """A folder to write into that becomes `out` at the end, or vanishes on an error.

    Raises:
        RunError: if the disk refuses.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
            folder = Path(temporary) / out.name
            folder.mkdir()
            yield folder
            if out.exists():
                out.rmdir()  # empty, as `is_finished` made sure
            os.replace(folder, out)  # noqa: PTH105 - atomic
    except OSError as error:
        raise RunError(
            f"out {str(out)!r} cannot be written ({error.strerror or error}). "
            "Make room, or choose another folder."
        ) from error


def _settings(results: Path) -> dict[str, object] | None:
    """The settings of the run in the folder, or None where there is no run."""
    try:
        rows = json.loads(results.read_text(encoding="utf-8"))
        return dict(rows[0]["settings"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
