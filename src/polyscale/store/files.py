"""Files that are whole or absent, and arrays in them of which a part can be read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """A path to write to. It takes the name `file` when the block ends, and vanishes if it fails.

    Raises:
        OSError: if the disk refuses.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=file.parent, suffix=".partial", delete=False) as temporary:
        partial = Path(temporary.name)
    try:
        yield partial
        os.replace(partial, file)  # noqa: PTH105 - atomic also over a file
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_array(file: Path, array: NDArray) -> None:
    """Keep an array, rows one after another.

    Raises:
        OSError: if the disk refuses.
    """
    with whole_file(file) as partial, partial.open("wb") as opened:
        np.save(opened, np.ascontiguousarray(array), allow_pickle=False)


@dataclass(frozen=True)
class RowsFile:
    """An `.npy` file whose rows are read one by one.

    Attributes:
        file: where it lies.
        shape: of the whole array, rows first.
        dtype: of its numbers.
        offset_bytes: where the first row begins.
    """

    file: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    offset_bytes: int

    @classmethod
    def look(cls, file: Path) -> "RowsFile":
        """Read the header alone.

        Raises:
            OSError: if there is no such file.
            ValueError: if it is damaged, cut, or holds no plain rows.
        """
        with file.open("rb") as opened:
            shape, column_first, dtype = _header(opened)
            found = cls(file, shape, dtype, opened.tell())
        num_bytes = found.offset_bytes + int(np.prod(shape, dtype=object)) * dtype.itemsize
        if column_first or dtype.hasobject or file.stat().st_size != num_bytes:
            raise ValueError(f"{file.name} is not whole")
        return found

    def read_into(self, rows: NDArray, places: NDArray[np.integer], out: NDArray) -> None:
        """Copy `rows` of the file to `places` of `out`; nothing else is loaded.

        Raises:
            OSError: if the file is gone.
            ValueError: if it is cut.
        """
        row_bytes = int(np.prod(self.shape[1:], dtype=object)) * self.dtype.itemsize
        with self.file.open("rb") as opened:
            for row, place in zip(rows.tolist(), places.tolist(), strict=True):
                opened.seek(self.offset_bytes + row * row_bytes)
                if opened.readinto(out[place].data.cast("B")) != row_bytes:
                    raise ValueError(f"{self.file.name} is not whole")


def _header(opened: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = npy.read_magic(opened)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return read(opened)
