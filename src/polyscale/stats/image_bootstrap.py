"""Paired bootstrap over whole images, for metrics that are not a mean of right answers.

Images were sampled, so images are resampled: never their pixels or tokens, which depend on each
other. All candidates are scored on the same resamples.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from polyscale.errors import InputError
from polyscale.records import Contrast, Metric, Reduction
from polyscale.stats.equivalence import check_unit_margin
from polyscale.stats.intervals import NUM_RESAMPLES, difference_intervals, percentile_interval
from polyscale.stats.segmentation import share_or_nan

Statistics = Float[np.ndarray, "num_test num_statistics"]
Reduce = Callable[
    [Float[np.ndarray, "resamples num_statistics"]],
    Float[np.ndarray, " resamples"],
]
WeightedMetric = Callable[
    [Float[np.ndarray, "resamples num_test"]],
    Float[np.ndarray, " resamples"],
]
"""The share of each image in many resamples → the metric of each resample."""

CHUNK = 500
"""Resamples that are drawn at once: they take 4 MB for each thousand images."""


def mean_iou(sums: Float[np.ndarray, "resamples two_classes"]) -> NDArray[np.float64]:
    """Mean intersection over union, from one confusion matrix over all images.

    Args:
        sums: first the intersections of all classes, then their unions, in pixels of an average
            image; pixels of the classes instead of unions give the mean class accuracy. Classes
            that are on no image of a resample are left out of its mean.
    """
    intersection, union = np.split(sums, 2, axis=1)
    return np.nanmean(share_or_nan(intersection, union), axis=1)


def pixel_ratio(sums: Float[np.ndarray, "resamples two_classes"]) -> NDArray[np.float64]:
    """Right pixels of all classes over all pixels; the arguments are those of `mean_iou`."""
    part, whole = np.split(sums, 2, axis=1)
    return share_or_nan(part.sum(axis=1), whole.sum(axis=1))


def mean_of_images(means: Float[np.ndarray, "resamples one"]) -> NDArray[np.float64]:
    """A metric that is computed for each image and then averaged, such as NYUv2's RMSE."""
    return means[:, 0]


REDUCTIONS: dict[Reduction, Reduce] = {
    "mean": mean_of_images,
    "mean_iou": mean_iou,
    "pixel_ratio": pixel_ratio,
}


def image_contrasts(
    statistics: Mapping[str, Statistics],
    reduce: Reduce,
    *,
    metric: Metric,
    margin: float,
    seed: int = 0,
) -> list[Contrast]:
    """Compare each pair of candidates by a metric that is computed from means over images.

    Args:
        statistics: for each candidate, the numbers that are averaged over images.
        reduce: their means → the metric, for many resamples at once.
        metric: its key, and which direction is better.
        margin: largest difference that counts as none, in the unit of the metric.
        seed: random seed of the resampling.

    Raises:
        InputError: if candidates were not judged on the same number of images, a statistic is not
            finite, or the margin is not above 0.
    """
    metrics, num_test = _weighted(statistics, reduce)
    return weighted_contrasts(metrics, num_test, metric=metric, margin=margin, seed=seed)


def weighted_contrasts(
    metrics: Mapping[str, WeightedMetric],
    num_test: int,
    *,
    metric: Metric,
    margin: float,
    seed: int = 0,
) -> list[Contrast]:
    """Compare each pair of candidates by a metric of weighted images; see `image_contrasts`.

    P-values are shares of resamples: twice the share beyond zero, and the larger of the shares
    beyond either end of the margin. They are never below one over the number of resamples.

    Args:
        metrics: for each candidate, shares of the test images → its metric.
        num_test: number of test images.
        metric: its key, and which direction is better.
        margin: largest difference that counts as none, in the unit of the metric.
        seed: random seed of the resampling.

    Raises:
        InputError: if the margin is not above 0.
    """
    check_unit_margin(margin, metric.key)
    resampled = _resampled(metrics, num_test, seed)
    equal_shares = np.full((1, num_test), 1 / num_test)
    values = {name: float(of_shares(equal_shares)[0]) for name, of_shares in metrics.items()}
    contrasts = []
    for first, second in combinations(metrics, 2):
        differences = resampled[first] - resampled[second]
        below, above = _p(differences <= 0), _p(differences >= 0)
        contrasts.append(
            Contrast(
                first=first,
                second=second,
                metric=metric.key,
                higher_is_better=metric.higher_is_better,
                difference=values[first] - values[second],
                **difference_intervals(differences),
                only_first=None,
                only_second=None,
                p_value=min(1.0, 2 * min(below, above)),
                margin=margin,
                p_equivalence=max(_p(differences <= -margin), _p(differences >= margin)),
                num_test=num_test,
            )
        )
    return contrasts


def image_intervals(
    statistics: Mapping[str, Statistics], reduce: Reduce, *, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 % interval of each candidate's metric, on the resamples of `image_contrasts`.

    Raises:
        InputError: if candidates were not judged on the same number of images, or a statistic is
            not finite.
    """
    metrics, num_test = _weighted(statistics, reduce)
    return weighted_intervals(metrics, num_test, seed=seed)


def weighted_intervals(
    metrics: Mapping[str, WeightedMetric], num_test: int, *, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 % interval of each candidate's metric, on the resamples of `weighted_contrasts`."""
    resampled = _resampled(metrics, num_test, seed)
    return {name: percentile_interval(values) for name, values in resampled.items()}


def ratio_intervals(
    metrics: Mapping[str, WeightedMetric], num_test: int, *, over: str, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 % interval of each candidate's metric over that of one of them, on the same resamples.

    That one's metric must be above 0.
    """
    resampled = _resampled(metrics, num_test, seed)
    return {name: percentile_interval(own / resampled[over]) for name, own in resampled.items()}


def draw_images(num_images: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """All bootstrap resamples in chunks, as the share of each image (CHUNK, num_images)."""
    rng = np.random.default_rng(seed)
    equal_shares = np.full(num_images, 1 / num_images)
    for _ in range(0, NUM_RESAMPLES, CHUNK):
        yield rng.multinomial(num_images, equal_shares, size=CHUNK) / num_images


def _weighted(
    statistics: Mapping[str, Statistics], reduce: Reduce
) -> tuple[dict[str, WeightedMetric], int]:
    """A metric of means over images as one of weighted images, and the number of images."""
    lengths = {len(rows) for rows in statistics.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise InputError(
            "statistics must hold the same images for every candidate, "
            f"but got {sorted(lengths)} rows."
        )
    for name, rows in statistics.items():
        num_broken = int((~np.isfinite(rows)).any(axis=1).sum())
        if num_broken:
            raise InputError(
                f"statistics must be finite, but {num_broken} rows of {name} are not. "
                "Leave these images out for every candidate."
            )

    def weighted(rows: Statistics) -> WeightedMetric:
        return lambda shares: reduce(shares @ rows)

    return {name: weighted(rows) for name, rows in statistics.items()}, lengths.pop()


def _resampled(
    metrics: Mapping[str, WeightedMetric], num_test: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    parts: dict[str, list[NDArray[np.float64]]] = {name: [] for name in metrics}
    for shares in draw_images(num_test, seed):
        for name, of_shares in metrics.items():
            parts[name].append(of_shares(shares))
    return {name: np.concatenate(values) for name, values in parts.items()}


def _p(is_beyond: NDArray[np.bool_]) -> float:
    return (int(is_beyond.sum()) + 1) / (len(is_beyond) + 1)
