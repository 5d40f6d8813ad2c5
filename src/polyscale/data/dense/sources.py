"""`load_segmentation` and `load_depth`: a name such as `pairs:PATH?ignore=0` → a data set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from polyscale.data.assemble import silent
from polyscale.data.dense import DepthData, SegmentationData
from polyscale.data.dense.ade20k import list_ade20k
from polyscale.data.dense.assemble import assemble_depth, assemble_segmentation
from polyscale.data.dense.hugging_face import list_hugging_face_pairs
from polyscale.data.dense.limit import limited
from polyscale.data.dense.listing import DenseCatalogue
from polyscale.data.dense.masks import Classes
from polyscale.data.dense.nyu import nyu_depth, nyu_labels, to_crop
from polyscale.data.dense.options import DEPTH_OPTIONS, MASK_OPTIONS, to_classes, to_depth_coding
from polyscale.data.dense.pairs import list_pair_folders
from polyscale.data.dense.rooms import rooms_depth, rooms_segmentation
from polyscale.data.folder import is_folder
from polyscale.data.inspection import Progress
from polyscale.data.options import split_options, to_path
from polyscale.errors import InputError, near_matches

Options = Mapping[str, str]
Listed = TypeVar("Listed")
HF_OPTIONS = ("image", "train", "test", "config")


@dataclass(frozen=True)
class _Source(Generic[Listed]):
    """A scheme.

    Attributes:
        list: what is behind the colon, and the options → what is there.
        options: that it knows besides `limit`.
    """

    list: Callable[[str, Options], Listed]
    options: tuple[str, ...] = ()


def load_segmentation(
    source: str, *, seed: int = 0, cache: Path | None = None, progress: Progress = silent
) -> SegmentationData:
    """Load a data set with a class for every pixel.

    Args:
        source: `rooms`, `ade20k:PATH`, `pairs:PATH`, `nyu:PATH`, `hf:NAME` or `hf:PATH`, some with
            options behind a question mark: `?ignore=255&reduce_zero=1`; all but `rooms` know
            `?limit=N`, images of each split.
        seed: of the split, where the data has none, and of the images that `limit` draws.
        cache: folder for what is found in images and masks, so that they are looked at once; None
            keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if there is no such data, or it can't be used.
        MissingExtraError: if a package is not installed.
        RunError: if data cannot be fetched.
    """
    if source == "rooms":
        return rooms_segmentation(cache=cache, progress=progress)
    catalogue, classes = _list_segmentation(source, seed)
    return assemble_segmentation(
        source, catalogue, classes, seed=seed, cache=cache, progress=progress
    )


def load_depth(
    source: str, *, seed: int = 0, cache: Path | None = None, progress: Progress = silent
) -> DepthData:
    """Load a data set with a depth for every pixel.

    Args:
        source: `rooms`, `nyu:PATH`, `pairs:PATH`, `hf:NAME` or `hf:PATH`, all but `rooms` with
            options behind a question mark: `?per_metre=1000&min=0.001&max=10&limit=N`.
        seed: of the split, where the data has none, and of the images that `limit` draws.
        cache: folder for what is found in images and depth maps; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if there is no such data, or it can't be used.
        MissingExtraError: if a package is not installed.
        RunError: if data cannot be fetched.
    """
    if source == "rooms":
        return rooms_depth()
    _, _, options = _find(source, DEPTH_SOURCES)
    coding = to_depth_coding(options)
    crop = to_crop(options.get("crop", "eigen")) if source.startswith("nyu:") else None
    return assemble_depth(
        source,
        _list_depth(source, seed),
        coding,
        crop_yxyx=crop,
        seed=seed,
        cache=cache,
        progress=progress,
    )


def list_dense(source: str, task: str, *, seed: int = 0) -> DenseCatalogue:
    """What a data set of `load_segmentation` or `load_depth` holds, before any file is opened.

    Args:
        source: of one of the two, but not `rooms`.
        task: "segmentation" or "depth".
        seed: of the images that `limit` draws.

    Raises:
        InputError: if there is no such data.
        MissingExtraError: if a package is not installed.
    """
    return _list_depth(source, seed) if task == "depth" else _list_segmentation(source, seed)[0]


def _list_segmentation(source: str, seed: int) -> tuple[DenseCatalogue, Classes]:
    listed, place, options = _find(source, SEGMENTATION_SOURCES)
    catalogue, classes = listed.list(place, options)
    return limited(catalogue, options.get("limit"), seed=seed), classes


def _list_depth(source: str, seed: int) -> DenseCatalogue:
    listed, place, options = _find(source, DEPTH_SOURCES)
    return limited(listed.list(place, options), options.get("limit"), seed=seed)


def _masks_in_folders(rest: str, options: Options) -> tuple[DenseCatalogue, Classes]:
    path = to_path(rest)
    classes = to_classes(options, path / "classes.txt")
    return list_pair_folders(path, "masks", word="mask"), classes


def _masks_in_columns(rest: str, options: Options) -> tuple[DenseCatalogue, Classes]:
    classes = to_classes(options)
    return list_hugging_face_pairs(rest, "mask", options), classes


SEGMENTATION_SOURCES = {
    "ade20k": _Source(lambda rest, _: list_ade20k(to_path(rest))),
    "pairs": _Source(_masks_in_folders, MASK_OPTIONS),
    "nyu": _Source(lambda rest, _: nyu_labels(to_path(rest))),
    "hf": _Source(_masks_in_columns, ("mask", *HF_OPTIONS, *MASK_OPTIONS)),
}

DEPTH_SOURCES = {
    "nyu": _Source(
        lambda rest, options: nyu_depth(to_path(rest), options), ("filled", "crop", *DEPTH_OPTIONS)
    ),
    "pairs": _Source(
        lambda rest, _: list_pair_folders(to_path(rest), "depth", word="depth map"), DEPTH_OPTIONS
    ),
    "hf": _Source(
        lambda rest, options: list_hugging_face_pairs(rest, "depth", options),
        ("depth", *HF_OPTIONS, *DEPTH_OPTIONS),
    ),
}


def _find(
    source: str, sources: Mapping[str, _Source[Listed]]
) -> tuple[_Source[Listed], str, dict[str, str]]:
    """The scheme's entry, what is behind the colon, and the options."""
    scheme, colon, rest = source.partition(":")
    if scheme not in sources or not rest:
        guess = near_matches(source, ["rooms"]) or near_matches(scheme, sources)
        if not colon and is_folder(to_path(source)):
            guess = f" Did you mean 'pairs:{source}'?"
        known = ", ".join(f"{name}:PATH" for name in sources)
        raise InputError(f"data must be rooms, {known} or hf:NAME, but got {source!r}.{guess}")
    return (sources[scheme], *split_options(rest, (*sources[scheme].options, "limit")))
