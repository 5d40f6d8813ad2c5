"""What was found in images and targets, kept between runs.

A file's path, size and times lead to a hash of its bytes, and the hash to what was found in them.
A changed file has other times, and bytes that do not come from a file are found by their hash. The
cache only saves time: where the disk refuses or the database is damaged, files are read again.
"""

import os
import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from polyscale.types import HW

FORMAT = 2
"""Raised when the same image would give other facts."""

SETTLED_S = 2.0
"""Files touched less than this ago are not kept: clocks of file systems may be as coarse."""

CREATE = """
CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, stat TEXT NOT NULL, digest BLOB NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS images (digest BLOB PRIMARY KEY, height INTEGER NOT NULL,
    width INTEGER NOT NULL, thumb BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS targets (key BLOB PRIMARY KEY, facts TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pairs (key BLOB PRIMARY KEY, agreement REAL) WITHOUT ROWID;
"""

SELECT = {
    "files": "SELECT stat, digest FROM files WHERE path = ?",
    "images": "SELECT height, width, thumb FROM images WHERE digest = ?",
    "targets": "SELECT facts FROM targets WHERE key = ?",
    "pairs": "SELECT agreement FROM pairs WHERE key = ?",
}

INSERT = {
    "files": "INSERT OR REPLACE INTO files VALUES (?, ?, ?)",
    "images": "INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?)",
    "targets": "INSERT OR REPLACE INTO targets VALUES (?, ?)",
    "pairs": "INSERT OR REPLACE INTO pairs VALUES (?, ?)",
}


@dataclass(frozen=True)
class ImageFacts:
    """What was found in a readable image.

    Attributes:
        digest: of its bytes, 16 bytes.
        image_hw: its size in pixels, upright.
        thumb: the image squashed to 16×16 px of grey, row by row, 256 bytes.
    """

    digest: bytes
    image_hw: HW
    thumb: bytes

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The thumbnail as an array (256,)."""
        return np.frombuffer(self.thumb, dtype=np.uint8)


@dataclass(frozen=True)
class TargetFacts:
    """What was found in a readable mask or depth map.

    Attributes:
        digest: of its bytes, 16 bytes.
        target_hw: its size in pixels, upright.
        dtype: NumPy's name of the type of its numbers.
        values: of a mask the numbers that occur; of a depth map the lowest and the highest one that
            is above 0 and finite. Empty where there is none.
    """

    digest: bytes
    target_hw: HW
    dtype: str
    values: tuple[float, ...]


def default_inspection_cache() -> Path:
    """The folder for what was found in images, unless the user names another."""
    return Path(platformdirs.user_cache_dir("polyscale")) / "images"


class InspectionCache:
    """Rows of some tables in one SQLite file; may be used from several threads.

    Args:
        folder: where the file lies, made when it is needed; None keeps nothing after `close`.
    """

    def __init__(self, folder: str | Path | None) -> None:
        self._lock = Lock()
        self._added: dict[str, list[tuple[Any, ...]]] = {table: [] for table in INSERT}
        database = None
        if folder is not None:
            file = Path(folder) / f"inspected-{FORMAT}.sqlite"
            database = _opened(file)
            if database is None:  # damaged
                with suppress(OSError):
                    file.unlink()
                    database = _opened(file)
        self._database = database or sqlite3.connect("", check_same_thread=False)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def get(self, table: str, key: bytes) -> tuple[Any, ...] | None:
        """The row of a key, without the key."""
        with self._lock, suppress(sqlite3.Error):
            return self._database.execute(SELECT[table], (key,)).fetchone()
        return None

    def add(self, table: str, key: bytes, *row: Any) -> None:
        """Keep a row from the next `commit` on."""
        self._added[table].append((key, *row))

    def digest(self, path: Path, stat: os.stat_result) -> bytes | None:
        """The hash of a file's bytes, if it is known and the file has not changed."""
        row = self.get("files", os.fsencode(path))
        return row[1] if row is not None and row[0] == _stamp(stat) else None

    def add_file(self, path: Path, stat: os.stat_result, digest: bytes) -> None:
        """Keep the hash of a file's bytes, unless the file has changed only just now."""
        if max(stat.st_mtime, stat.st_ctime) < time.time() - SETTLED_S:
            self.add("files", os.fsencode(path), _stamp(stat), digest)

    def commit(self) -> None:
        """Write what was added, as one transaction: a run may be killed at any moment."""
        with self._lock, suppress(sqlite3.Error), self._database:
            for table, rows in self._added.items():
                self._database.executemany(INSERT[table], rows)
        for rows in self._added.values():
            rows.clear()


def _opened(file: Path) -> sqlite3.Connection | None:
    database = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(file, timeout=10, check_same_thread=False)
        database.executescript(CREATE)
        return database
    except (OSError, sqlite3.Error):
        if database is not None:
            database.close()
        return None


def _stamp(stat: os.stat_result) -> str:
    """The change time too: programs that copy may set the other one back."""
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"
