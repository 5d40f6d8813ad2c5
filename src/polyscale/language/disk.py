"""Models are large: room for them is checked before, and a full disk ends in one line."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from polyscale.errors import RunError, first_line

TORCH_WRITER = "inline_container.cc"
"""In the RuntimeError of torch.save when the disk refuses."""


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
    except (OSError, SafetensorError) as error:
        raise _refused(out, getattr(error, "strerror", None) or first_line(error)) from error
    except RuntimeError as error:
        if TORCH_WRITER not in str(error):
            raise
        raise _refused(out, "the disk refuses") from error


def _refused(out: Path, why: str) -> RunError:
    return RunError(
        f"out {str(out)!r} cannot be written ({why}). Make room, or choose another folder."
    )
