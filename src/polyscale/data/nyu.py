"""`nyu:PATH`: NYU Depth v2, as its own labelled file or as files with lists.

MATLAB wrote the labelled file of 1449 images as HDF5, last axis first, so that h5py sees `images`
(image, channel, column, row), `depths`, `rawDepths` and `labels` (image, column, row). It is read
in place. `splits.mat` is in MATLAB's older format. Images keep the white border of some 8 pixels
that the files of BTS have black.

The lists are those of BTS (Lee et al. 2019), which most work on depth has used since: a line has
the image, its depth and the focal length, and 654 images are for testing. Depth is in millimetres,
as BTS takes it from `rawDepths`.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyscale.data.files import is_file, is_folder, read_matlab, read_text
from polyscale.data.listing import Catalogue, Listing, list_files
from polyscale.data.options import to_choice
from polyscale.data.pixels import MaskClasses, to_depth_coding
from polyscale.decode import UnreadableImageError
from polyscale.errors import InputError, first_line, require

LABELLED = "nyu_depth_v2_labeled.mat"
SPLITS = "splits.mat"
MAPPING = "classMapping40.mat"

LISTS = {"train": "nyu_train.txt", "test": "nyu_test.txt"}

PLACES = {
    "train": (".", "sync", "train", "official_splits/train"),
    "test": (".", "test", "official_splits/test"),
}
"""Folders that the paths of a list may be relative to."""

EIGEN_CROP_YXYX = (45 / 480, 41 / 640, 471 / 480, 601 / 640)
"""Rows 45 to 470, columns 41 to 600: what Eigen et al. (2014) test of 480×640 pixels."""


ABOUT = "NYU Depth v2's own split of its labelled images"


def list_nyu_depth(path: Path, options: Mapping[str, str]) -> Catalogue:
    """Images and their depth.

    Args:
        path: the labelled file, or a folder with it or with lists.
        options: those of depth; `crop`, the part that is tested: `eigen` or `none`; and `filled`: 1
            takes depth whose holes were painted over, of the labelled file alone; else depth is
            what the sensor saw, as in the customary test.
    """
    crop = to_choice("crop", options.get("crop", "eigen"), "eigen", "none")
    crop_yxyx = EIGEN_CROP_YXYX if crop == "eigen" else None
    pixels = replace(to_depth_coding(options), crop_yxyx=crop_yxyx)
    file = _labelled(path)
    if file is None and any(is_file(path / name) for name in LISTS.values()):
        if "filled" in options:
            raise InputError(
                f"option filled of data must go with {LABELLED}, but {str(path)!r} has lists. "
                "Leave it out."
            )
        remarks: list[str] = []
        listings = [_from_list(path, split, remarks) for split in LISTS]
        about = "NYU Depth v2's own split, from the lists beside the files"
        return Catalogue(listings, about, remarks, pixels=pixels)
    filled = to_choice("filled", options.get("filled", "0"), "0", "1")
    target = "depths" if filled == "1" else "rawDepths"
    file = file or _missing(path)
    listings = _from_labelled(file, target, lambda stored: stored.astype(np.float32))
    return Catalogue(listings, ABOUT, pixels=pixels)


def list_nyu_labels(path: Path) -> Catalogue:
    """Images and their classes: 894, or the customary 40 where `classMapping40.mat` lies beside."""
    file = _labelled(path) or _missing(path)
    _require()
    mapping = file.parent / MAPPING
    to_40, names = _read_mapping(mapping) if is_file(mapping) else (None, _read_names(file))

    def decode(stored: NDArray) -> NDArray[np.uint16]:
        return (stored if to_40 is None else to_40[stored]).astype(np.uint16)

    classes = MaskClasses(names=names, first=1, ignored=frozenset({0}))
    return Catalogue(_from_labelled(file, "labels", decode), ABOUT, pixels=classes)


def _labelled(path: Path) -> Path | None:
    file = path / LABELLED if is_folder(path) else path
    return file if is_file(file) else None


def _missing(path: Path) -> Path:
    raise InputError(
        f"nyu must have {LABELLED}, or for depth {' and '.join(LISTS.values())}, but "
        f"{str(path)!r} has neither. Check the path."
    )


def _from_labelled(
    file: Path, target: str, decode: Callable[[NDArray], NDArray[Any]]
) -> list[Listing]:
    """Training and test images of the labelled file; `decode` makes targets of stored numbers."""
    _require()
    total = _check_shapes(file, target)
    splits_file = file.parent / SPLITS
    if not is_file(splits_file):
        raise InputError(
            f"{SPLITS} must lie beside {LABELLED}, but is not in {str(file.parent)!r}. "
            "Download it from the data set's page."
        )
    splits = read_matlab(splits_file, "trainNdxs", "testNdxs")
    numbers = [_to_numbers(splits_file, key, splits[key], range(1, total + 1)) for key in splits]
    return [_listing(file, target, decode, split) for split in numbers]


def _check_shapes(file: Path, target: str) -> int:
    """The number of images, once it is clear that images and targets fit each other."""
    with _opened(file) as content:
        for name in ("images", target):
            if not hasattr(content.get(name), "shape"):
                raise InputError(
                    f"{str(file)!r} must hold images and {target}, but has no {name}. "
                    f"Is it {LABELLED}?"
                )
        images, targets = content["images"].shape, content[target].shape
        kinds = {content[name].dtype.kind for name in ("images", target)}
    fits = len(images) == 4 and images[1] == 3 and targets == images[:1] + images[2:]
    if not fits or not kinds <= set("uif"):
        raise InputError(
            f"{str(file)!r} must hold numbers, images × 3 × width × height, and {target} of the "
            f"same number and size, but images has shape {images} and {target} {targets}. "
            "Download it again."
        )
    return int(images[0])


def _to_numbers(file: Path, key: str, stored: Any, valid: range) -> list[int]:
    """Whole numbers of a MATLAB file."""
    numbers = np.ravel(stored).tolist()
    wrong = [number for number in numbers if number not in valid]
    if wrong:
        raise InputError(
            f"{key} of {str(file)!r} must hold whole numbers from {valid[0]} to {valid[-1]}, but "
            f"holds {wrong[0]!r}. Take the data set's own file."
        )
    return [int(number) for number in numbers]


def _listing(
    file: Path, target: str, decode: Callable[[NDArray], NDArray[Any]], numbers: list[int]
) -> Listing:
    ids = tuple(f"{number:04d}" for number in numbers)

    def image(index: int) -> bytes:
        with _opened(file, ids[index]) as content:
            pixels = content["images"][numbers[index] - 1].transpose(2, 1, 0)
        height, width, _ = pixels.shape
        # a header in front of the pixels makes them an image file
        return f"P6 {width} {height} 255\n".encode() + pixels.astype(np.uint8).tobytes()

    def target_of(index: int) -> bytes:
        buffer = io.BytesIO()
        with _opened(file, ids[index]) as content:
            pixels = decode(content[target][numbers[index] - 1].T)
        np.save(buffer, np.ascontiguousarray(pixels), allow_pickle=False)
        return buffer.getvalue()

    return Listing(ids, image, Listing(ids, target_of))


def _read_mapping(file: Path) -> tuple[NDArray[np.uint16], tuple[str, ...]]:
    """Number of a class among 894 → among 40, with 0 for none, and the names of the 40."""
    mapping = read_matlab(file, "mapClass", "className")
    names = tuple(str(name) for name in np.ravel(mapping["className"]))
    numbers = _to_numbers(file, "mapClass", mapping["mapClass"], range(len(names) + 1))
    return np.array([0, *numbers], dtype=np.uint16), names


def _read_names(file: Path) -> tuple[str, ...]:
    """The names of all classes: references to arrays of characters."""
    with _opened(file) as content:
        try:
            cells = [np.ravel(content[cell]) for cell in np.ravel(content["names"])]
            return tuple("".join(map(chr, cell)) for cell in cells)
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise InputError(
                f"{str(file)!r} must hold the names of its classes, but has none that can be read "
                f"({first_line(error)}). Is it {LABELLED}?"
            ) from error


def _require() -> None:
    for package in ("h5py", "scipy"):
        require(package, extra="nyu", feature=LABELLED)


@contextmanager
def _opened(file: Path, image: str | None = None) -> Iterator[Any]:
    """The content of the labelled file."""
    import h5py

    try:
        with h5py.File(file, "r") as content:
            yield content
    except InputError:
        raise
    except Exception as error:  # h5py raises nearly anything
        if image is not None:
            raise UnreadableImageError(image, f"{LABELLED}: {first_line(error)}") from error
        raise InputError(
            f"{str(file)!r} must be an HDF5 file, but cannot be read ({first_line(error)}). "
            "Download it again."
        ) from error


def _from_list(path: Path, split: str, remarks: list[str]) -> Listing:
    """The images that a list names and that are there with their depth."""
    file = path / LISTS[split]
    if not is_file(file):
        raise InputError(
            f"nyu must have the lists {' and '.join(LISTS.values())}, but {str(path)!r} has no "
            f"{file.name}. Put it there."
        )
    images: list[tuple[str, Path]] = []
    depths: list[tuple[str, Path]] = []
    missing: list[str] = []
    for image, depth in _read_list(file).items():
        bases = [path / place for place in PLACES[split]]
        base = next((b for b in bases if is_file(b / image) and is_file(b / depth)), None)
        if base is None:
            missing.append(image)
        else:
            images.append((f"{split}/{image}", base / image))
            depths.append((f"{split}/{depth}", base / depth))
    if not images:
        raise InputError(
            f"list {str(file)!r} must name files that are there, but of {len(missing)} images none "
            f"is there with its depth{f' ({missing[0]})' if missing else ''}. "
            "Put the list beside the folders it names."
        )
    if missing:
        remarks.append(
            f"Images of {file.name} that are not there with their depth, left out: "
            f"{len(missing)}, for example {missing[0]}."
        )
    return list_files(images, list_files(depths))


def _read_list(file: Path) -> dict[str, str]:
    """Image → depth, of each line."""
    depth_of: dict[str, str] = {}
    for number, line in enumerate(read_text(file, "list").splitlines(), 1):
        words = [word.lstrip("/") for word in line.split()]
        problem = ""
        if len(words) == 1:
            problem = f"it must name two files, but is {line!r}"
        elif words and words[0] in depth_of:
            problem = f"{words[0]} stands in the list already"
        if problem:
            raise InputError(f"list {str(file)!r}, line {number}: {problem}. Correct the line.")
        if words:
            depth_of[words[0]] = words[1]
    return depth_of
