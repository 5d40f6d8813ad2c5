"""Models are large: room for them is checked before, and a full disk ends in one line."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polyscale.errors import RunError, first_line

REFUSALS = {"RuntimeError": "inline_container.cc", "SafetensorError": "I/O error"}
"""Errors of torch.save and of safetensors that are no OSError → what they say of the disk."""


@contextmanager
def room_for(folder: Path, num_bytes: int, out: Path) -> Iterator[None]:
    """Write to a folder, which is made, if its disk has room for so many bytes.

    Args:
        folder: that is written to.
        num_bytes: that are written at most.
        out: what errors name.

    Raises:
        RunError: if there is less room, or the disk refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < num_bytes:
            raise RunError(
                f"out {str(out)!r} needs {num_bytes / 1e9:.1f} GB, but only {free / 1e9:.1f} GB "
                "are free. Make room, or choose another folder."
            )
        yield
    except Exception as error:
        words = REFUSALS.get(type(error).__name__)
        if not isinstance(error, OSError) and (words is None or words not in str(error)):
            raise
        reason = getattr(error, "strerror", None) or first_line(error)
        raise RunError(
            f"out {str(out)!r} cannot be written ({reason}). Make room, or choose another folder."
        ) from error
