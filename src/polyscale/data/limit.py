"""A sample of each split for a quick trial: `--limit N`, which is `?limit=N` behind a source."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from polyscale.data.dataset import MIN_DRAWN, MIN_TRAIN, ClassificationData, DataSet
from polyscale.data.listing import Catalogue, in_drawn_order
from polyscale.data.options import split_options, to_count
from polyscale.errors import InputError

LIMIT = "limit"

Data = TypeVar("Data", bound=DataSet)


_WRITTEN = re.compile(rf"([?&]{LIMIT}=)([0-9]+)(?=&[^?]*$|$)")


def with_limit(source: str, num: int | None) -> str:
    """The name of data, with a limit behind it if there is one: `rooms` → `rooms?limit=100`.

    It replaces a limit that the name has, such as that of a run whose options are used again.
    """
    if num is None:
        return source
    if limit_of(source) is not None:
        return _WRITTEN.sub(rf"\g<1>{num}", source)
    _, _, query = source.rpartition("?")
    return f"{source}{'&' if '=' in query else '?'}{LIMIT}={num}"


def limit_of(source: str) -> int | None:
    """The limit behind the name of data: 100 of `rooms?limit=100`."""
    written = _WRITTEN.search(source)
    return int(written[2]) if written else None


def limit_catalogue(catalogue: Catalogue, num: int, *, seed: int) -> Catalogue:
    """At most `num` images of each split, before any file is opened."""
    splits, is_divided = catalogue.splits, len(catalogue.splits) > 1
    least = (MIN_TRAIN, 1) if is_divided else (MIN_DRAWN,)
    return replace(
        catalogue,
        splits=[
            split.take(draw_sample(split.ids, split.classes, num, least=own, seed=seed))
            for split, own in zip(splits, least, strict=True)
        ],
        sampled=_about(num, seed, catalogue.has_classes, of="each split" if is_divided else "all"),
        num_unlimited=len(splits[-1]),
    )


def limit_data(data: Data, num: int, *, seed: int, what: str = "images") -> Data:
    """At most `num` images of each split of data that are loaded; `what` says what they are."""
    has_classes = isinstance(data, ClassificationData)
    parts = {}
    for name, split, least in (("train", data.train, MIN_TRAIN), ("test", data.test, 1)):
        classes = split.targets if has_classes else np.zeros(len(split), np.int64)
        parts[name] = split.take(draw_sample(split.ids, classes, num, least=least, seed=seed))
    about = data.about + _about(num, seed, has_classes, of="each split", what=what)
    return replace(data, **parts, about=about, num_unlimited=len(data.test))


def draw_sample(
    ids: Sequence[str], classes: NDArray[np.int64], num: int, *, least: int, seed: int
) -> NDArray[np.int64]:
    """Indices of at most `num` images, of each class in proportion to its size, rising.

    The draw goes by a hash of the seed and the image's id. A smaller sample is part of a larger
    one.

    Args:
        ids: of the images.
        classes: of the images; all equal where there are none.
        num: how many, at most.
        least: images that each class keeps, if it has so many.
        seed: of the draw.

    Raises:
        InputError: if `num` is too small for that.
    """
    place = np.empty(len(ids))
    order = in_drawn_order(ids, classes, f"sample {seed}")
    for members in order:
        rank = np.arange(len(members))
        place[members] = np.where(rank < least, -1, (rank + 0.5) / len(members))
    needed = int((place < 0).sum())
    if num < needed:
        raise InputError(
            f"{LIMIT} must be at least {needed}, so that {len(order)} classes have {least} images "
            f"each, but is {num}. Take more images, or fewer classes."
        )
    return np.sort(np.argsort(place, kind="stable")[:num])


def read_limit(source: str) -> int | None:
    """The limit of a source that takes no other options."""
    _, options = split_options(source, (LIMIT,))
    return to_count(LIMIT, options[LIMIT], MIN_TRAIN) if options else None


def _about(num: int, seed: int, has_classes: bool, *, of: str, what: str = "images") -> str:
    how = ", in proportion to the classes" if has_classes else ""
    return f"; at most {num} {what} of {of} drawn by seed {seed}{how}"
