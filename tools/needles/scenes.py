"""What is to be seen in a scene of `rooms`: its objects with boxes, areas and depths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from polyscale.data import load_depth, load_segmentation

# An object is found if it has so many pixels, and so many of its kind's pixels hang together:
# otherwise there are several of its kind, or something stands before it.
MIN_AREA_PX = 60
MIN_WHOLE = 0.9


@dataclass(frozen=True)
class Found:
    """The only object of its kind.

    Attributes:
        box_xywh_px: left, top, width and height in pixels of the picture.
        depth_m: median along the optical axis.
    """

    box_xywh_px: tuple[int, int, int, int]
    depth_m: float

    @property
    def longer_side_px(self) -> int:
        """Of the box."""
        return max(self.box_xywh_px[2:])


@dataclass(frozen=True)
class Scene:
    """A picture of `rooms`.

    Attributes:
        picture: index within its split.
        found: kind → its only object.
        present: kinds of which any pixel is to be seen.
    """

    id: str
    picture: int
    found: dict[str, Found]
    present: frozenset[str]


def read_scenes(split: str) -> list[Scene]:
    """All scenes of a split, `train` or `test`."""
    return list(_read(split))


def _read(split: str) -> Iterator[Scene]:
    masks, depths = load_segmentation("rooms"), load_depth("rooms")
    labels, metres = getattr(masks, split), getattr(depths, split)
    for i, name in enumerate(labels.ids):
        mask, depth_m = labels.target(i), metres.target(i)
        kinds = {masks.class_names[c]: mask == c for c in np.unique(mask)}
        found = {kind: _find(own, depth_m) for kind, own in kinds.items()}
        whole = {kind: one for kind, one in found.items() if one is not None}
        yield Scene(name, i, whole, frozenset(kinds))


def _find(mask: NDArray[np.bool_], depth_m: NDArray[np.float32]) -> Found | None:
    """The object that has nearly all pixels of a mask; None if no part has."""
    parts, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    areas = np.bincount(parts.ravel())[1:]
    largest = int(areas.argmax())
    if areas[largest] < max(MIN_AREA_PX, MIN_WHOLE * areas.sum()):
        return None
    rows, columns = ndimage.find_objects(parts)[largest]
    box = (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
    return Found(box, float(np.median(depth_m[parts == largest + 1])))
