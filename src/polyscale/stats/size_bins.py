"""Mean IoU of objects by their size: where several scales help, and where they do not."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from polyscale.errors import InputError
from polyscale.stats.image_bootstrap import draw_images
from polyscale.stats.intervals import percentile_interval
from polyscale.stats.objects import AREA_EDGES_PX, ObjectIous

Bins = Float[NDArray[np.float64], "num_images num_bins"]
Resampled = Float[NDArray[np.float64], "resamples num_bins"]


@dataclass(frozen=True)
class SizeBin:
    """Mean IoU of the objects of a bin, or a difference of two, with its 95 % interval."""

    value: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class SizeMeans:
    """All candidates, by bins of object area.

    Attributes:
        edges_px: of the bins, half-open.
        num_objects: in each bin.
        means: mean IoU of each candidate in each bin; NaN where a bin is empty.
        resampled: the same in resamples of the images, shared by all candidates; NaN where none
            of a resample's images has such an object.
    """

    edges_px: tuple[float, ...]
    num_objects: tuple[int, ...]
    means: Mapping[str, Float[NDArray[np.float64], " num_bins"]]
    resampled: Mapping[str, Resampled]


def size_means(
    objects: Mapping[str, Sequence[ObjectIous]],
    *,
    edges_px: Sequence[float] = AREA_EDGES_PX,
    seed: int = 0,
) -> SizeMeans:
    """Means over objects; resamples of whole images, since objects of an image come together.

    Args:
        objects: for each candidate, those of every test image in the same order.
        edges_px: rising.
        seed: of the resampling; as for `image_contrasts`.

    Raises:
        InputError: if there is no image, or candidates were not judged on the same objects.
    """
    sums = {name: _bin_images(images, edges_px) for name, images in objects.items()}
    counts = [count for _, count in sums.values()]
    if not counts or not len(counts[0]):
        raise InputError("objects must hold at least one image, but got none.")
    if any(c.shape != counts[0].shape or (c != counts[0]).any() for c in counts):
        raise InputError(
            "objects must be the same for every candidate, but their numbers differ. "
            "Judge all candidates on the same images."
        )
    num = counts[0]
    parts: dict[str, list[Resampled]] = {name: [] for name in sums}
    for drawn in draw_images(len(num), seed):
        drawn_num = drawn @ num
        for name, (iou, _) in sums.items():
            parts[name].append(_ratio(drawn @ iou, drawn_num))
    return SizeMeans(
        tuple(edges_px),
        tuple(int(n) for n in num.sum(axis=0)),
        {name: _ratio(iou.sum(axis=0), num.sum(axis=0)) for name, (iou, _) in sums.items()},
        {name: np.concatenate(values) for name, values in parts.items()},
    )


def size_bins(sizes: SizeMeans, name: str) -> list[SizeBin | None]:
    """A candidate's mean IoU in each bin; None where a bin is empty."""
    return _intervals(sizes.means[name], sizes.resampled[name])


def size_contrasts(sizes: SizeMeans, first: str, second: str) -> list[SizeBin | None]:
    """The first's mean IoU minus the second's in each bin, on the same resamples."""
    return _intervals(
        sizes.means[first] - sizes.means[second], sizes.resampled[first] - sizes.resampled[second]
    )


def sizes_json(sizes: SizeMeans, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Content of `sizes.json`.

    Args:
        sizes: of all candidates.
        pairs: first and second of each contrast.
    """
    return {
        "edges_px": [int(e) if np.isfinite(e) else None for e in sizes.edges_px],
        "num_objects": list(sizes.num_objects),
        "iou": {name: [b and asdict(b) for b in size_bins(sizes, name)] for name in sizes.means},
        "contrasts": [
            {
                "first": first,
                "second": second,
                "bins": [
                    b and {"difference": b.value, "ci_low": b.ci_low, "ci_high": b.ci_high}
                    for b in size_contrasts(sizes, first, second)
                ],
            }
            for first, second in pairs
        ],
    }


def _bin_images(images: Sequence[ObjectIous], edges_px: Sequence[float]) -> tuple[Bins, Bins]:
    """Sum of IoUs and number of objects (num_images, num_bins)."""
    num_bins = len(edges_px) - 1
    shape = (len(images), num_bins)
    if not images:
        return np.zeros(shape), np.zeros(shape)
    image = np.repeat(np.arange(len(images)), [len(one) for one in images])
    area_px = np.concatenate([one.area_px for one in images])
    bins = np.searchsorted(edges_px, area_px, side="right") - 1
    inside = (bins >= 0) & (bins < num_bins)
    cell = image[inside] * num_bins + bins[inside]
    iou = np.concatenate([one.iou for one in images])[inside]
    size = len(images) * num_bins
    sums = np.bincount(cell, iou, size).astype(np.float64)
    num = np.bincount(cell, minlength=size).astype(np.float64)
    return sums.reshape(shape), num.reshape(shape)


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def _intervals(
    means: Float[NDArray[np.float64], " num_bins"], resampled: Resampled
) -> list[SizeBin | None]:
    return [
        None
        if np.isnan(mean)
        else SizeBin(float(mean), *percentile_interval(values[~np.isnan(values)]))
        for mean, values in zip(means, resampled.T, strict=True)
    ]
