"""Images that can be read but should be looked at."""

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np
from PIL import ImageStat

from polyscale.data.duplicates import MIN_SIDE_PX
from polyscale.data.inspection_cache import ImageFacts
from polyscale.data.listing import Listing
from polyscale.decode import read_image
from polyscale.records import Suspicious

MAX_ASPECT = 4
"""Longer side over shorter side: models see images squashed to a square."""

MAX_FLAT = 4.0
"""Standard deviation in levels of 0 to 255, in each channel, of what is nearly one colour."""

MUCH_SMALLER = 1 / 16
"""Area as a share of the median area: the model sees little but blur."""


def find_suspicious(split: str, images: Listing) -> tuple[Suspicious, ...]:
    """The images of a split, "train" or "test", that should be looked at, each with one reason.

    The listing has its facts.
    """
    twins = _with_other_targets(images)
    typical = float(np.median([prod(facts.image_hw) for facts in images.facts] or [0]))
    found = []
    for index, (image_id, facts) in enumerate(zip(images.ids, images.facts, strict=True)):
        is_flat = facts.pixels.std() < MAX_FLAT and _is_flat(images, index)
        reason = "nearly one colour" if is_flat else next(_reasons(facts, typical), None)
        if index in twins:
            reason = f"the same file as {images.ids[twins[index]]}, but with another target"
        if reason:
            found.append(Suspicious(split, image_id, reason))
    return tuple(found)


def _is_flat(images: Listing, index: int) -> bool:
    """Whether the pixels themselves say so: a fine texture vanishes in a thumbnail."""
    picture = read_image(images.content(index), name=images.ids[index])
    return max(ImageStat.Stat(picture).stddev) < MAX_FLAT


def _reasons(facts: ImageFacts, typical_px: float) -> Iterator[str]:
    height, width = facts.image_hw
    if min(height, width) < MIN_SIDE_PX and typical_px >= MIN_SIDE_PX**2:
        yield f"only {width}×{height} px"
    if max(height, width) > MAX_ASPECT * min(height, width):
        yield f"{width}×{height} px is squashed to a square by most models"
    if height * width < MUCH_SMALLER * typical_px:
        yield f"{width}×{height} px, much smaller than most"


def _with_other_targets(images: Listing) -> dict[int, int]:
    """Index of an image → index of an equal file with another target."""
    if not isinstance(images.targets, np.ndarray):
        return {}
    groups: dict[bytes, list[int]] = {}
    for index, facts in enumerate(images.facts):
        groups.setdefault(facts.digest, []).append(index)
    return {
        index: other
        for group in groups.values()
        for index in group
        for other in _others(group, index, images)
    }


def _others(group: Sequence[int], index: int, images: Listing) -> list[int]:
    differ = (i for i in group if not np.array_equal(images.values[i], images.values[index]))
    return list(differ)[:1]
