"""Splits training images into two disjoint parts: one for backbones, one for their heads."""

from dataclasses import replace

import numpy as np

from polyscale.data import ClassificationData
from polyscale.data.dataset import MIN_TRAIN
from polyscale.data.listing import in_drawn_order
from polyscale.errors import InputError


def divide(
    data: ClassificationData, share: float, *, seed: int
) -> tuple[ClassificationData, ClassificationData]:
    """Split the training images of each class into two parts.

    Args:
        data: the data set with all training images.
        share: share of the training images in the first part, above 0 and below 1.
        seed: of the split, which depends on hashes of the images' ids.

    Returns:
        The data with the first part of the training images, and with the second. Both keep all
        test images.

    Raises:
        InputError: if a class has too few images for that.
    """
    images = data.train
    order = in_drawn_order(images.ids, images.labels, f"pretrain {seed}")
    first = [members[: round(len(members) * share)] for members in order]
    rest = [members[len(own) :] for members, own in zip(order, first, strict=True)]
    smallest = min(len(own) for own in (*first, *rest))
    if smallest < MIN_TRAIN:
        raise InputError(
            f"data {data.name} must have enough training images that each class has at least "
            f"{MIN_TRAIN} to train backbones and {MIN_TRAIN} to train heads, but with a share of "
            f"{share:g} one has {smallest}. Add images, or change the share."
        )
    parts = (images.take(np.sort(np.concatenate(part))) for part in (first, rest))
    pretrain, probe = (replace(data, train=part) for part in parts)
    return pretrain, probe
