"""`fashion-mnist` and `idx:FOLDER`: small grey pictures in the four files of MNIST's format.

http://yann.lecun.com/exdb/mnist: a header of big-endian numbers, then one byte for each pixel or
label. The files may be compressed by gzip.
"""

import gzip
import struct
import zlib
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyscale.data.files import is_file, is_folder, read_text
from polyscale.data.listing import Catalogue, Listing
from polyscale.decode import check_file
from polyscale.errors import InputError, first_line

FASHION_MNIST = "fashion-mnist"
"""Name of the data set, which Debian distributes. arXiv 1708.07747, MIT licence."""

FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package `dataset-fashion-mnist` puts it."""

FASHION_CLASSES = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
    "ankle boot",
)  # fmt: skip

SPLITS = {"train": "train", "test": "t10k"}
"""Split → how its files begin."""

UNSIGNED_BYTE = 8
"""The format's number for this type; others are never used for pictures."""

MAX_BYTES = 2**30
"""Larger arrays are refused before they are read: ten million pictures of 28 × 28 px have less."""


def list_fashion_mnist() -> Catalogue:
    """60 000 training and 10 000 test pictures of clothes, 28 × 28 px, in ten classes.

    Raises:
        InputError: if Debian's package is not installed, or its files are damaged.
    """
    if not is_folder(FASHION_FOLDER):
        raise InputError(
            f"data {FASHION_MNIST} must be in {str(FASHION_FOLDER)!r}, but that folder does not "
            "exist. Run: apt install dataset-fashion-mnist. A copy elsewhere is idx:FOLDER."
        )
    return list_idx(FASHION_FOLDER, class_names=FASHION_CLASSES)


def list_idx(folder: Path, *, class_names: Sequence[str] = ()) -> Catalogue:
    """The pictures of a folder with `train-images-idx3-ubyte` and the three files like it.

    Args:
        folder: holds images and labels of `train` and `t10k`, each with or without `.gz`.
        class_names: of the labels 0, 1, …; without any, those in the lines of `classes.txt` where
            there is such a file, and else the numbers themselves.

    Raises:
        InputError: if a file is missing or damaged, or they do not belong together.
    """
    if not is_folder(folder):
        raise InputError(f"data folder {str(folder)!r} does not exist. Check the path.")
    names_file = folder / "classes.txt"
    if not class_names and is_file(names_file):
        class_names = read_text(names_file, "class names").split("\n")
        class_names = [name.strip() for name in class_names if name.strip()]
    listings = [_list_split(folder, *names) for names in SPLITS.items()]
    num_classes = 1 + max(int(listing.values.max()) for listing in listings)
    class_names = class_names or [str(number) for number in range(num_classes)]
    if num_classes > len(class_names):
        raise InputError(
            f"data folder {str(folder)!r} must have a name for each of {num_classes} classes, but "
            f"has {len(class_names)}. Complete classes.txt, or delete it."
        )
    return Catalogue(listings, "the data set's own split", class_names=class_names)


def _list_split(folder: Path, split: str, start: str) -> Listing:
    pixels, labels = (
        _read_array(folder, start, kind, num_axes)
        for kind, num_axes in (("images", 3), ("labels", 1))
    )
    if len(pixels) != len(labels):
        raise InputError(
            f"data folder {str(folder)!r} must have one label for each {split} picture, but has "
            f"{len(labels)} for {len(pixels)}. Take all files from one data set."
        )
    num, height, width = pixels.shape
    header = f"P5 {width} {height} 255\n".encode()  # a PGM picture
    return Listing(
        tuple(f"{split}/{index:05d}" for index in range(num)),
        lambda index: header + pixels[index].tobytes(),
        labels.astype(np.int64),
    )


def _read_array(folder: Path, start: str, kind: str, num_axes: int) -> NDArray[np.uint8]:
    """One of the files, compressed or not; none of its axes is empty."""
    name = f"{start}-{kind}-idx{num_axes}-ubyte"
    file = next((f for f in (folder / f"{name}.gz", folder / name) if is_file(f)), None)
    if file is None:
        raise InputError(
            f"data folder {str(folder)!r} must hold {name} or {name}.gz, but holds neither. "
            "Check the path."
        )
    try:
        check_file(file.stat(), MAX_BYTES)
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            if struct.unpack(">HBB", stream.read(4)) != (0, UNSIGNED_BYTE, num_axes):
                raise ValueError(f"its header is not that of {kind}")
            shape = struct.unpack(f">{num_axes}I", stream.read(4 * num_axes))
            size = prod(shape)
            if not 0 < size <= MAX_BYTES:
                raise ValueError(f"its header says {size} bytes")
            content = stream.read(size + 1)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise _damaged(file, reason) from error
    if len(content) != size:
        raise _damaged(file, f"{size} bytes should follow its header, but there are {len(content)}")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _damaged(file: Path, reason: str) -> InputError:
    return InputError(
        f"file {str(file)!r} must be a whole file in MNIST's format, but is not ({reason}). "
        "Copy it again."
    )
