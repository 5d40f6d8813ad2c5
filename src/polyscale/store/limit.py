"""A limit on what features take on the disk: keys that were not used for longest go first."""

import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from polyscale.errors import InputError

KEY = re.compile(r"[0-9a-f]{24}")
"""Names of folders that are ours; nothing else is ever deleted."""

LEAVING = ".leaving-"
"""Begins the name of a folder on its way out."""

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def parse_bytes(text: str, name: str = "cache_limit") -> int:
    """`20GB` → 20 000 000 000.

    Args:
        text: a number of bytes, with KB, MB, GB or TB behind it where that is meant.
        name: of the argument, for the error.

    Raises:
        InputError: if it is no size.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B)?", text.strip().upper())
    unit = (found and found[2]) or ""
    if found is None or not float(found[1]) > 0:
        raise InputError(f"{name} must be a size such as 20GB, but got {text!r}.")
    return int(float(found[1]) * _UNITS.get(unit, 1))


@dataclass(frozen=True)
class _Kept:
    folder: Path
    used: float
    num_bytes: int


def evict(folder: Path, limit_bytes: int, keep: set[str]) -> int:
    """Delete keys, longest unused first, until the rest is within the limit.

    A key leaves under another name first, so that another run finds it whole or not at all.

    Args:
        folder: of the store.
        limit_bytes: what all keys may take together.
        keep: keys that stay whatever they take.

    Returns:
        Bytes that are left.
    """
    for leftover in folder.glob(f"{LEAVING}*"):  # of a run that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    keys = [_look(f) for f in folder.iterdir() if KEY.fullmatch(f.name)]
    total = sum(key.num_bytes for key in keys)
    for key in sorted(keys, key=lambda key: key.used):
        if total <= limit_bytes:
            break
        if key.folder.name in keep:
            continue
        leaving = folder / f"{LEAVING}{uuid4().hex}"
        with suppress(OSError):  # another run was faster
            key.folder.rename(leaving)
        shutil.rmtree(leaving, ignore_errors=True)
        total -= key.num_bytes
    return total


def _look(folder: Path) -> _Kept:
    used, num_bytes = 0.0, 0
    with suppress(OSError):
        used = folder.stat().st_mtime
        for file in folder.iterdir():
            with suppress(OSError):
                num_bytes += file.stat().st_size
    return _Kept(folder, used, num_bytes)
