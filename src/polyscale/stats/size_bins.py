"""Mean IoU of objects by their size: where several scales help, and where they do not."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from polyscale.errors import InputError
from polyscale.records import Estimate, Gain, SizeContrast, Sizes
from polyscale.stats.image_bootstrap import draw_images
from polyscale.stats.intervals import percentile_interval
from polyscale.stats.objects import AREA_EDGES_PX, ObjectIous
from polyscale.stats.segmentation import share_or_nan

Bins = Float[np.ndarray, "num_images num_bins"]


def iou_by_size(
    objects: Mapping[str, Sequence[ObjectIous]],
    pairs: Sequence[tuple[str, str]] = (),
    *,
    edges_px: Sequence[float] = AREA_EDGES_PX,
    seed: int = 0,
) -> Sizes:
    """Mean IoU of each candidate in bins of object area, and differences of pairs of candidates.

    Means are over objects. Whole images are resampled, since the objects of an image depend on
    each other, and all candidates are scored on the same resamples.

    Args:
        objects: for each candidate, those of every test image in the same order.
        pairs: first and second candidate of each difference.
        edges_px: rising limits of the half-open bins.
        seed: random seed of the resampling; the same as for `image_contrasts`.

    Raises:
        InputError: if there is no image, or candidates were not judged on the same objects.
    """
    binned = {name: _bin_images(images, edges_px) for name, images in objects.items()}
    counts = [count for _, count in binned.values()]
    if not counts or not len(counts[0]):
        raise InputError("objects must hold at least one image, but got none.")
    num = counts[0]
    if any(not np.array_equal(count, num) for count in counts):
        raise InputError(
            "objects must be the same for every candidate, but their numbers differ. "
            "Judge all candidates on the same images."
        )
    means = {n: share_or_nan(iou.sum(axis=0), num.sum(axis=0)) for n, (iou, _) in binned.items()}
    parts: dict[str, list[Bins]] = {name: [] for name in binned}
    for shares in draw_images(len(num), seed):
        for name, (iou, _) in binned.items():
            # NaN where no image of a resample has an object in the bin
            parts[name].append(share_or_nan(shares @ iou, shares @ num))
    resampled = {name: np.concatenate(chunks) for name, chunks in parts.items()}
    return Sizes(
        edges_px=tuple(int(edge) if np.isfinite(edge) else None for edge in edges_px),
        num_objects=tuple(int(n) for n in num.sum(axis=0)),
        iou={
            name: tuple(end and Estimate(*end) for end in _intervals(mean, resampled[name]))
            for name, mean in means.items()
        },
        contrasts=tuple(
            SizeContrast(
                first,
                second,
                tuple(
                    end and Gain(*end)
                    for end in _intervals(
                        means[first] - means[second], resampled[first] - resampled[second]
                    )
                ),
            )
            for first, second in pairs
        ),
    )


def _bin_images(images: Sequence[ObjectIous], edges_px: Sequence[float]) -> tuple[Bins, Bins]:
    """Sum of IoUs and number of objects of each image in each bin."""
    num_bins = len(edges_px) - 1
    iou, num = np.zeros((2, len(images), num_bins))
    for i, objects in enumerate(images):
        bins = np.searchsorted(edges_px, objects.area_px, side="right") - 1
        inside = (bins >= 0) & (bins < num_bins)
        iou[i] = np.bincount(bins[inside], objects.iou[inside], num_bins)
        num[i] = np.bincount(bins[inside], minlength=num_bins)
    return iou, num


def _intervals(
    means: Float[np.ndarray, " num_bins"],
    resampled: Float[np.ndarray, "resamples num_bins"],
) -> list[tuple[float, float, float] | None]:
    """Value and ends of the interval in each bin; None where a bin is empty."""
    return [
        None if np.isnan(mean) else (float(mean), *percentile_interval(values[~np.isnan(values)]))
        for mean, values in zip(means, resampled.T, strict=True)
    ]
