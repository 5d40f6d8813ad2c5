"""How well each object is segmented, so that small ones can be told from large ones."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Int64
from numpy.typing import NDArray
from scipy import ndimage

from polyscale.data.dataset import IGNORED, Labels
from polyscale.stats.segmentation import check_classes

AREA_EDGES_PX = (0, 256, 1024, 4096, 16384, float("inf"))
"""Bins of object area, half-open: squares of 16, 32, 64 and 128 pixels a side."""

EIGHT_NEIGHBOURS = np.ones((3, 3), bool)


@dataclass(frozen=True)
class ObjectIous:
    """The objects of one image.

    Attributes:
        class_index: class of each.
        area_px: pixels in the truth.
        iou: 0–1.
    """

    class_index: Int64[NDArray[np.int64], " num_objects"]
    area_px: Int64[NDArray[np.int64], " num_objects"]
    iou: Float[NDArray[np.float64], " num_objects"]

    def __len__(self) -> int:
        return len(self.iou)


def object_ious(
    labels: Labels,
    predicted: Int[NDArray[np.integer], "h w"],
    num_classes: int,
    *,
    min_area_px: int = 16,
) -> ObjectIous:
    """IoU of each connected component of the truth.

    An object is a component C of one class, pixels being joined to all eight neighbours. Semantic
    predictions know no objects, so C is held against those predicted components of its class that
    overlap it: |C ∩ P| / |C ∪ P|, with P their union. Two objects that were predicted as one blob
    are both marked down for it. Ignored pixels belong to nothing.

    Args:
        labels: the truth.
        predicted: an index of a class for every pixel.
        num_classes: in all.
        min_area_px: smaller components are left out: crumbs at the edges of others.

    Raises:
        InputError: if the shapes differ, or an entry is no class.
    """
    check_classes(labels, predicted, num_classes)
    predicted = np.where(labels == IGNORED, IGNORED, predicted)
    # find_objects wants 1, 2, …; entry c is where class c is
    boxes = ndimage.find_objects(labels.astype(np.int32) + 1, num_classes)
    others = ndimage.find_objects(predicted.astype(np.int32) + 1, num_classes)
    found = []
    for c, (box, other) in enumerate(zip(boxes, others, strict=True)):
        if box is None:
            continue
        crop = _around(box, other or box)
        area_px, iou = _components(labels[crop] == c, predicted[crop] == c)
        keep = area_px >= min_area_px
        found.append((np.full(int(keep.sum()), c), area_px[keep], iou[keep]))
    if not found:
        return ObjectIous(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    return ObjectIous(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _around(one: tuple[slice, ...], other: tuple[slice, ...]) -> tuple[slice, ...]:
    return tuple(
        slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )


def _components(
    truth: NDArray[np.bool_], predicted: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Area and IoU of each component of the truth, both of one class."""
    objects, num_objects = ndimage.label(truth, EIGHT_NEIGHBOURS)
    blobs, num_blobs = ndimage.label(predicted, EIGHT_NEIGHBOURS)
    area_px = np.bincount(objects.ravel(), minlength=num_objects + 1)[1:]
    blob_px = np.bincount(blobs.ravel(), minlength=num_blobs + 1)
    both = truth & predicted
    pairs, shared_px = np.unique(
        objects[both].astype(np.int64) * (num_blobs + 1) + blobs[both], return_counts=True
    )
    owner, blob = np.divmod(pairs, num_blobs + 1)
    shared = np.bincount(owner, shared_px, num_objects + 1)[1:]
    touching = np.bincount(owner, blob_px[blob], num_objects + 1)[1:]
    return area_px, shared / (area_px + touching - shared)
