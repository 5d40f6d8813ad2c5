"""A limit on what features take on the disk: keys that were not used for longest go first."""

import re
import shutil
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from polyscale.errors import InputError
from polyscale.features.files import PARTIAL, remove_abandoned

KEY = re.compile(r"[0-9a-f]{24}")
"""Names of folders that are ours; nothing else is ever deleted."""

LEAVING = ".leaving-"
"""Begins the name of a folder that is being deleted."""

ABOUT_FILE = "about.txt"
"""In the folder of a key: what is kept there, for people."""

MAX_BYTES = 2**63 - 1
"""More than any disk or memory holds, and the most that file systems count to."""

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def parse_bytes(text: str, *, name: str) -> int:
    """A size as people write it in bytes: `20GB` is 20 000 000 000.

    The number may have a unit from B to TB, in capitals or not. Errors call the size `name`, for
    example "--memory".

    Raises:
        InputError: if it is no size, below one byte, or more than any disk holds.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?B)?", text.strip().upper())
    num_bytes = float(match[1]) * _UNITS[match[2] or ""] if match else 0.0
    if not 1 <= num_bytes <= MAX_BYTES:
        raise InputError(
            f"{name} must be a size such as 20GB, from 1B to 9223372TB, but got {text!r}."
        )
    return int(num_bytes)


def evict(folder: Path, limit_bytes: int, keep: set[str]) -> int:
    """Delete keys, longest unused first, until the rest is within the limit.

    Those named in `keep` stay, whatever they take. Returns the bytes that are left.
    """
    keys = sorted((*use_of(key), key) for key in key_folders(folder))
    total = sum(num_bytes for _, num_bytes, _ in keys)
    for _, num_bytes, key in keys:
        if total > limit_bytes and key.name not in keep:
            remove_key(key)
            total -= num_bytes
    return total


def remove_key(key: Path) -> None:
    """Delete the folder of a key: it is renamed first, so that a run finds it whole or not."""
    leaving = key.parent / f"{LEAVING}{uuid4().hex}"
    with suppress(OSError):  # another run was faster
        key.rename(leaving)
    shutil.rmtree(leaving, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Delete what runs that were killed have left in the folder of a store."""
    with suppress(OSError):  # someone else deletes the folder
        for leaving in folder.glob(f"{LEAVING}*"):  # whoever began may be alive: both delete it
            shutil.rmtree(leaving, ignore_errors=True)
        for key in key_folders(folder):
            remove_abandoned(key.glob(f"*{PARTIAL}"))


def key_folders(folder: Path) -> list[Path]:
    """The folders of all keys; none where there is no store."""
    try:
        return [path for path in folder.iterdir() if KEY.fullmatch(path.name)]
    except OSError:  # not there yet, or deleted by someone else
        return []


def use_of(folder: Path) -> tuple[float, int]:
    """When a key was last used, in seconds since 1970, and the bytes that it takes on the disk."""
    used, num_bytes = 0.0, 0
    with suppress(OSError):
        used = folder.stat().st_mtime
        for file in folder.rglob("*"):
            with suppress(OSError):
                num_bytes += file.stat().st_size
    return used, num_bytes
