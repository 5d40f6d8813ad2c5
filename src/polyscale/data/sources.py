"""`load_classification`: a name such as `folder:PATH?per_class=50` → a data set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from polyscale.data.assemble import assemble, silent
from polyscale.data.classes import MIN_DRAWN
from polyscale.data.classification import ClassificationData
from polyscale.data.dense.sources import DEPTH_SOURCES, SEGMENTATION_SOURCES
from polyscale.data.embedded import load_rooms
from polyscale.data.folder import is_folder, list_folder
from polyscale.data.hugging_face import list_hugging_face
from polyscale.data.imagenet import list_imagenet
from polyscale.data.inspection import Progress
from polyscale.data.listing import Catalogue
from polyscale.data.options import split_options, to_path
from polyscale.data.table import list_table
from polyscale.errors import InputError, near_matches

Options = Mapping[str, str]


@dataclass(frozen=True)
class _Source:
    """A scheme.

    Attributes:
        list: what is behind the colon, and the options → what is there.
        options: that it knows besides `per_class`.
    """

    list: Callable[[str, Options], Catalogue]
    options: tuple[str, ...] = ()


SOURCES = {
    "folder": _Source(lambda rest, _: list_folder(to_path(rest))),
    "csv": _Source(
        lambda rest, options: list_table(to_path(rest), options), ("image", "label", "split")
    ),
    "imagenet": _Source(lambda rest, _: list_imagenet(to_path(rest))),
    "hf": _Source(list_hugging_face, ("image", "label", "train", "test", "config")),
}


def load_classification(
    source: str, *, seed: int = 0, cache: Path | None = None, progress: Progress = silent
) -> ClassificationData:
    """Load a data set for classification.

    Args:
        source: `rooms`, `folder:PATH`, `csv:PATH`, `hf:NAME`, `hf:PATH` or `imagenet:PATH`, the
            last ones with options behind a question mark: `?per_class=50&label=breed`.
        seed: of the split, where the data has none, and of the sample `per_class`.
        cache: folder for what is found in images, so that they are looked at once; None keeps
            nothing.
        progress: told what is being done.

    Raises:
        InputError: if there is no such data, or it can't be used.
        MissingExtraError: if a package is not installed.
        RunError: if data cannot be fetched.
    """
    scheme, colon, rest = source.partition(":")
    if source == "rooms":
        return load_rooms()
    if scheme not in SOURCES or not rest:
        guess = near_matches(source, ["rooms"]) or near_matches(scheme, SOURCES)
        if scheme not in SOURCES and scheme in SEGMENTATION_SOURCES | DEPTH_SOURCES:
            guess = f" {scheme}: is for --task segmentation or depth."
        if not colon and is_folder(to_path(source)):
            guess = f" Did you mean 'folder:{source}'?"
        raise InputError(
            "data must be rooms, folder:PATH, csv:PATH, hf:NAME, hf:PATH or imagenet:PATH, "
            f"but got {source!r}.{guess}"
        )
    place, options = split_options(rest, (*SOURCES[scheme].options, "per_class"))
    per_class = _per_class(options.pop("per_class", None))
    catalogue = SOURCES[scheme].list(place, options)
    return assemble(
        source, catalogue, seed=seed, per_class=per_class, cache=cache, progress=progress
    )


def _per_class(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or int(text) < MIN_DRAWN:
        raise InputError(f"per_class must be a whole number from {MIN_DRAWN}, but got {text!r}.")
    return int(text)
