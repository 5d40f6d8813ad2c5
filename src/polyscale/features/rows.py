"""Files of rows, one an image, each with a checksum that is verified whenever it is read.

Layout: the header of an `.npy` file, the rows one after another, and a CRC-32 for each row (4
bytes, little-endian). `numpy.load` reads the rows and ignores the rest. A checksum covers the key,
the number of the image, and the row's type, shape and bytes. So it detects changed bytes as well as
rows that are whole but belong elsewhere: swapped files, ranges or rows. CRC-32 misses one in 4
billion random damages, and none that lies within 32 bits.
"""

import io
import stat
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from polyscale.features.files import whole_file

CHECKSUM = np.dtype("<u4")


class DamagedRowsError(ValueError):
    """A file of rows is not what was written; the message says why."""


def write_rows(path: Path, key: str, images: range, rows: NDArray) -> None:
    """Write the rows of some images; the file is whole or absent, whatever happens.

    Raises:
        OSError: if the disk refuses.
    """
    rows = np.ascontiguousarray(rows)
    sums = [_checksum(key, image, row) for image, row in zip(images, rows, strict=True)]
    with whole_file(path) as partial, partial.open("wb") as opened:
        for part in (_header(rows.shape, rows.dtype), rows.data, np.array(sums, CHECKSUM).data):
            opened.write(part)


def read_rows(
    path: Path,
    key: str,
    images: range,
    out: NDArray,
    rows: Iterable[int] | None = None,
    places: Iterable[int] | None = None,
) -> None:
    """Read rows and verify them; nothing else is loaded.

    Args:
        path: of the file.
        key: under which its rows were written.
        images: of all its rows.
        out: where rows are put, in C order; its rows have the shape and type of those in the file.
        rows: which rows to read; None is all.
        places: the row of `out` for each; None is the same as in the file.

    Raises:
        FileNotFoundError: if there is no file.
        DamagedRowsError: if anything that was read is not what was written.
        OSError: if the disk refuses.
    """
    rows = range(len(images)) if rows is None else rows
    header, row_bytes = _header((len(images), *out.shape[1:]), out.dtype), out[:1].nbytes
    sums_at = len(header) + len(images) * row_bytes
    with _opened(path, header, sums_at + len(images) * CHECKSUM.itemsize) as opened:
        opened.seek(sums_at)
        checksums = np.frombuffer(opened.read(), CHECKSUM)
        for row, place in zip(rows, rows if places is None else places, strict=True):
            opened.seek(len(header) + row * row_bytes)
            opened.readinto(out[place].data.cast("B"))
            if _checksum(key, images[row], out[place]) != checksums[row]:
                raise DamagedRowsError(f"another checksum for image {images[row]}")


def read_plain(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
    """Read an `.npy` file, which has no checksums.

    Raises:
        FileNotFoundError: if there is no file.
        DamagedRowsError: if it holds anything but an array of this shape and type, all finite.
        OSError: if the disk refuses.
    """
    rows = np.empty(shape, dtype)
    header = _header(rows.shape, rows.dtype)
    with _opened(path, header, len(header) + rows.nbytes) as opened:
        opened.readinto(rows.data.cast("B"))
    if not np.isfinite(rows).all():
        raise DamagedRowsError("NaN or infinity")
    return rows


@contextmanager
def _opened(path: Path, header: bytes, num_bytes: int) -> Iterator[io.BufferedReader]:
    """A file, behind its header; the header is known in full, so any change in it is noticed."""
    if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would wait for ever
        raise DamagedRowsError("not a file")
    with path.open("rb") as opened:
        size = opened.seek(0, io.SEEK_END)
        opened.seek(0)
        if size != num_bytes:
            raise DamagedRowsError(f"{size} bytes instead of {num_bytes}")
        if opened.read(len(header)) != header:
            raise DamagedRowsError("another header")
        yield opened


def _header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    header, descr = io.BytesIO(), npy.dtype_to_descr(dtype)
    npy.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
    return header.getvalue()


def _checksum(key: str, image: int, row: NDArray) -> int:
    belongs = zlib.crc32(f"{key} {image} {row.dtype.str} {row.shape}".encode())
    return zlib.crc32(row.data.cast("B"), belongs)
