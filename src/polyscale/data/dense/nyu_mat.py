"""`nyu:PATH`: NYU Depth v2's own labelled file of 1449 images, read in place.

MATLAB wrote it as HDF5, last axis first, so that h5py sees `images` (image, channel, column, row),
`depths`, `rawDepths` and `labels` (image, column, row). `splits.mat` is older MATLAB's format.
Images keep the white border of some 8 pixels that the files of BTS have black.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyscale.data.dense.listing import DenseCatalogue, DenseListing, NamedFiles
from polyscale.data.dense.masks import Classes
from polyscale.errors import InputError, first_line, require

LABELLED = "nyu_depth_v2_labeled.mat"
SPLITS = "splits.mat"
MAPPING = "classMapping40.mat"
ABOUT = "NYU Depth v2's own split of its labelled images"


def list_nyu_depth(file: Path, *, filled: bool) -> DenseCatalogue:
    """Images and their depth in metres.

    Args:
        file: the labelled file; `splits.mat` must lie beside it.
        filled: take depth whose holes were painted over; else as the sensor saw it, which is what
            the customary test uses.

    Raises:
        InputError: if a file is missing or another one.
        MissingExtraError: if h5py is not installed.
    """
    depth = "depths" if filled else "rawDepths"
    return _catalogue(file, depth, lambda stored: stored.astype(np.float32))


def list_nyu_labels(file: Path) -> tuple[DenseCatalogue, Classes]:
    """Images and their classes: 894, or the customary 40 where `classMapping40.mat` lies beside.

    Raises:
        InputError: if a file is missing or another one.
        MissingExtraError: if h5py is not installed.
    """
    _require()
    ignored = frozenset({0})
    if (file.parent / MAPPING).is_file():
        mapping = _load(file.parent / MAPPING, "mapClass", "className")
        to_40 = np.concatenate([[0], np.ravel(mapping["mapClass"])]).astype(np.uint16)
        names = tuple(str(name) for name in np.ravel(mapping["className"]))
        catalogue = _catalogue(file, "labels", lambda stored: to_40[stored])
        return catalogue, Classes(names=names, first=1, ignored=ignored)
    catalogue = _catalogue(file, "labels", lambda stored: stored.astype(np.uint16))
    with _opened(file) as content:
        cells = [np.ravel(content[cell]) for cell in np.ravel(content["names"])]
    names = tuple("".join(map(chr, cell)) for cell in cells)
    return catalogue, Classes(names=names, first=1, ignored=ignored)


def _catalogue(
    file: Path, target: str, decode: Callable[[NDArray], NDArray[Any]]
) -> DenseCatalogue:
    _require()
    with _opened(file) as content:
        missing = [name for name in ("images", target) if name not in content]
        if missing:
            raise InputError(
                f"{str(file)!r} must hold images and {target}, but has no {missing[0]}. "
                f"Is it {LABELLED}?"
            )
        total = len(content["images"])
    splits = _load(file.parent / SPLITS, "trainNdxs", "testNdxs")
    listings = []
    for key in ("trainNdxs", "testNdxs"):
        numbers = np.ravel(splits[key]).astype(int)
        if numbers.size and not 1 <= numbers.min() <= numbers.max() <= total:
            raise InputError(
                f"{str(file.parent / SPLITS)!r} must hold numbers of images from 1 to {total}, but "
                f"{key} goes from {numbers.min()} to {numbers.max()}. Take the data set's own file."
            )
        listings.append(_listing(file, target, decode, [int(n) for n in numbers]))
    return DenseCatalogue(listings[0], listings[1], ABOUT)


def _listing(
    file: Path, target: str, decode: Callable[[NDArray], NDArray[Any]], numbers: list[int]
) -> DenseListing:
    def image(index: int) -> bytes:
        with _opened(file) as content:
            pixels = content["images"][numbers[index] - 1].transpose(2, 1, 0)
        height, width, _ = pixels.shape
        # a header in front of the pixels makes them an image file
        return f"P6 {width} {height} 255\n".encode() + pixels.astype(np.uint8).tobytes()

    def of_pixels(index: int) -> bytes:
        with _opened(file) as content:
            stored = content[target][numbers[index] - 1].T
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(decode(stored)), allow_pickle=False)
        return buffer.getvalue()

    ids = tuple(f"{number:04d}" for number in numbers)
    return DenseListing(NamedFiles(ids, image), NamedFiles(ids, of_pixels))


def _require() -> None:
    for package in ("h5py", "scipy"):
        require(package, extra="nyu", feature=LABELLED)


def _opened(file: Path) -> Any:
    import h5py

    try:
        return h5py.File(file, "r")
    except OSError as error:
        raise InputError(
            f"{str(file)!r} must be an HDF5 file, but cannot be read ({first_line(error)}). "
            "Download it again."
        ) from error


def _load(file: Path, *names: str) -> dict[str, Any]:
    """Variables of a file of older MATLAB's format."""
    from scipy.io import loadmat

    if not file.is_file():
        raise InputError(
            f"{file.name} must lie beside {LABELLED}, but is not in {str(file.parent)!r}. "
            "Download it from the data set's page."
        )
    try:
        content = loadmat(file, squeeze_me=True, variable_names=names)
        return {name: content[name] for name in names}
    except Exception as error:  # scipy raises nearly anything
        raise InputError(
            f"{str(file)!r} must be a MATLAB file with {' and '.join(names)}, but cannot be read "
            f"({type(error).__name__}: {first_line(error)}). Take the data set's own file."
        ) from error
