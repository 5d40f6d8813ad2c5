"""What a cache holds: each set of features or heads, its size, and when it was last used."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polyscale.features.limit import ABOUT_FILE, key_folders, remove_key, use_of

DAY_S = 24 * 60 * 60


@dataclass(frozen=True)
class Kept:
    """A folder of a cache.

    Attributes:
        about: what is kept there, in words; empty where that is not known.
        num_bytes: that it takes on the disk.
        unused_days: since it was last used.
    """

    folder: Path
    about: str
    num_bytes: int
    unused_days: float


def list_kept(cache: Path) -> list[Kept]:
    """Everything in a cache, the last used first; nothing where there is no cache."""
    now, found = time.time(), []
    for folder in key_folders(cache):
        used, num_bytes = use_of(folder)
        found.append(Kept(folder, _about(folder), num_bytes, max(0, now - used) / DAY_S))
    return sorted(found, key=lambda kept: kept.unused_days)


def clear(kept: Sequence[Kept]) -> None:
    """Delete these; a run that uses one of them computes it again."""
    for one in kept:
        remove_key(one.folder)


def _about(folder: Path) -> str:
    try:
        return (folder / ABOUT_FILE).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
