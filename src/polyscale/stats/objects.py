"""How well each object is segmented, so that small ones can be told from large ones."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Int64
from numpy.typing import NDArray
from scipy import ndimage

from polyscale.data.dataset import IGNORED, Labels
from polyscale.stats.segmentation import check_classes

AREA_EDGES_PX = (0, 256, 1024, 4096, 16384, float("inf"))
"""Limits of half-open bins of object area: squares with sides of 16, 32, 64 and 128 pixels."""

EIGHT_NEIGHBOURS = np.ones((3, 3), bool)


@dataclass(frozen=True)
class ObjectIous:
    """The objects of one image: their class, their pixels in the truth, and their IoU (0 to 1)."""

    class_index: Int64[np.ndarray, " num_objects"]
    area_px: Int64[np.ndarray, " num_objects"]
    iou: Float[np.ndarray, " num_objects"]

    def __len__(self) -> int:
        return len(self.iou)


def object_ious(
    labels: Labels,
    predicted: Int[np.ndarray, "h w"],
    num_classes: int,
    *,
    min_area_px: int = 16,
) -> ObjectIous:
    """IoU of each connected component of the truth.

    An object is a component C of one class, in which pixels are joined to all eight neighbours.
    Semantic predictions have no objects, so C is compared with the union P of those predicted
    components of its class that overlap it: |C ∩ P| / |C ∪ P|. Two objects that are predicted as
    one component both lose by it. Ignored pixels belong to no object.

    Args:
        labels: the truth.
        predicted: index of a class for every pixel.
        num_classes: number of classes.
        min_area_px: smaller components are left out, since many are fragments of other objects.

    Raises:
        InputError: if the shapes differ, or an entry is not a class.
    """
    check_classes(labels, predicted, num_classes)
    predicted = np.where(labels == IGNORED, IGNORED, predicted)
    # find_objects numbers classes from 1; entry c of its list is the box around class c
    true_boxes = ndimage.find_objects(labels.astype(np.int32) + 1, num_classes)
    predicted_boxes = ndimage.find_objects(predicted.astype(np.int32) + 1, num_classes)
    objects = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    for c, (box, predicted_box) in enumerate(zip(true_boxes, predicted_boxes, strict=True)):
        if box is None:
            continue
        crop = tuple(
            slice(min(a.start, b.start), max(a.stop, b.stop))
            for a, b in zip(box, predicted_box or box, strict=True)
        )
        area_px, iou = _components(labels[crop] == c, predicted[crop] == c)
        kept = area_px >= min_area_px
        objects.append((np.full(int(kept.sum()), c), area_px[kept], iou[kept]))
    return ObjectIous(*(np.concatenate(parts) for parts in zip(*objects, strict=True)))


def _components(
    truth: NDArray[np.bool_], predicted: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Area and IoU of each component of the truth, both of one class."""
    objects, num_objects = ndimage.label(truth, EIGHT_NEIGHBOURS)
    blobs, num_blobs = ndimage.label(predicted, EIGHT_NEIGHBOURS)
    area_px = np.bincount(objects.ravel(), minlength=num_objects + 1)[1:]
    blob_px = np.bincount(blobs.ravel(), minlength=num_blobs + 1)
    overlap = truth & predicted
    pairs, shared_px = np.unique(
        objects[overlap].astype(np.int64) * (num_blobs + 1) + blobs[overlap], return_counts=True
    )
    owner, blob = np.divmod(pairs, num_blobs + 1)
    shared = np.bincount(owner, shared_px, num_objects + 1)[1:]
    touching = np.bincount(owner, blob_px[blob], num_objects + 1)[1:]
    return area_px, shared / (area_px + touching - shared)
