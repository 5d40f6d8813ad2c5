"""Metrics that are not a mean of rights and wrongs: paired bootstrap over whole images.

An image is what was drawn, so an image is what is resampled: never its pixels or tokens, which
come together. Every candidate sees the same resamples.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from polyscale.errors import InputError
from polyscale.records import Contrast, Metric
from polyscale.stats.equivalence import ALPHA
from polyscale.stats.intervals import NUM_RESAMPLES, percentile_interval

Statistics = Float[NDArray[np.floating], "num_test num_statistics"]
Reduce = Callable[
    [Float[NDArray[np.float64], "resamples num_statistics"]],
    Float[NDArray[np.float64], " resamples"],
]
WeightedMetric = Callable[
    [Float[NDArray[np.float64], "resamples num_test"]],
    Float[NDArray[np.float64], " resamples"],
]
"""The share of each image in many resamples → the metric of each resample."""

CHUNK = 500
"""Resamples at once: their draws take 4 MB for each thousand images."""


def mean_iou(sums: Float[NDArray[np.float64], "resamples two_classes"]) -> NDArray[np.float64]:
    """Mean intersection over union, one confusion over all images.

    Args:
        sums: per image, first the intersections of all classes, then their unions, in pixels.
            A class that is on no image of a resample is left out of its mean.
    """
    intersection, union = np.split(sums, 2, axis=1)
    iou = np.divide(intersection, union, out=np.full_like(union, np.nan), where=union > 0)
    return np.nanmean(iou, axis=1)


def mean_of_images(means: Float[NDArray[np.float64], "resamples one"]) -> NDArray[np.float64]:
    """A metric that is computed per image and then averaged, such as NYUv2's RMSE."""
    return means[:, 0]


def image_contrasts(
    statistics: Mapping[str, Statistics],
    reduce: Reduce,
    *,
    metric: Metric,
    margin: float,
    seed: int = 0,
) -> list[Contrast]:
    """Each pair of candidates by a metric of sums over images.

    The p-values are read off the bootstrap: twice the share of resamples on the far side of zero,
    and the larger share beyond either end of the margin; never below one over the resamples.

    Args:
        statistics: for each candidate, per image what the metric sums.
        reduce: means of these over images → the metric, for many resamples at once.
        metric: its name, and which way is better.
        margin: in its unit; a smaller difference counts as none.
        seed: of the resampling.

    Raises:
        InputError: if candidates were not judged on the same number of images, a statistic is not
            finite, or the margin is not above 0.
    """
    if margin <= 0:
        raise InputError(f"margin must be above 0, in units of {metric.key}, but got {margin:g}.")
    num_test = _num_images(statistics)
    resampled = _resampled(_of_means(statistics, reduce), num_test, seed)
    values = {c: float(reduce(rows.mean(axis=0)[None])[0]) for c, rows in statistics.items()}
    return _contrasts(values, resampled, metric, margin, num_test)


def weighted_contrasts(
    metrics: Mapping[str, WeightedMetric],
    num_test: int,
    *,
    metric: Metric,
    margin: float,
    seed: int = 0,
) -> list[Contrast]:
    """As `image_contrasts`, for a metric that cannot be computed from means over images.

    Args:
        metrics: for each candidate, shares of the test images → its metric.
        num_test: test images.
        metric: its name, and which way is better.
        margin: in its unit; a smaller difference counts as none.
        seed: of the resampling.
    """
    resampled = _resampled(metrics, num_test, seed)
    even = np.full((1, num_test), 1 / num_test)
    values = {name: float(of_shares(even)[0]) for name, of_shares in metrics.items()}
    return _contrasts(values, resampled, metric, margin, num_test)


def image_intervals(
    statistics: Mapping[str, Statistics], reduce: Reduce, *, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 % interval of each candidate's metric: percentiles over resampled images.

    The resamples are those of `image_contrasts` with the same seed.

    Args:
        statistics: for each candidate, per image what the metric sums.
        reduce: means of these over images → the metric, for many resamples at once.
        seed: of the resampling.

    Raises:
        InputError: if candidates were not judged on the same number of images, or a statistic is
            not finite.
    """
    return weighted_intervals(_of_means(statistics, reduce), _num_images(statistics), seed=seed)


def weighted_intervals(
    metrics: Mapping[str, WeightedMetric], num_test: int, *, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """As `image_intervals`, for a metric that cannot be computed from means over images."""
    resampled = _resampled(metrics, num_test, seed)
    return {name: percentile_interval(values) for name, values in resampled.items()}


def draw_images(num_images: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Bootstrap resamples as the share of each image (CHUNK, num_images), all in chunks."""
    rng = np.random.default_rng(seed)
    even = np.full(num_images, 1 / num_images)
    for _ in range(0, NUM_RESAMPLES, CHUNK):
        yield rng.multinomial(num_images, even, size=CHUNK) / num_images


def _num_images(statistics: Mapping[str, Statistics]) -> int:
    lengths = {len(rows) for rows in statistics.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise InputError(
            "statistics must hold the same images for every candidate, "
            f"but got {sorted(lengths)} rows."
        )
    for name, rows in statistics.items():
        broken = int((~np.isfinite(rows)).any(axis=1).sum())
        if broken:
            raise InputError(
                f"statistics must be finite, but {broken} rows of {name} are not. "
                "Leave these images out for every candidate."
            )
    return lengths.pop()


def _of_means(statistics: Mapping[str, Statistics], reduce: Reduce) -> dict[str, WeightedMetric]:
    def of(rows: Statistics) -> WeightedMetric:
        return lambda shares: reduce(shares @ rows)

    return {name: of(rows) for name, rows in statistics.items()}


def _resampled(
    metrics: Mapping[str, WeightedMetric], num_test: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    parts: dict[str, list[NDArray[np.float64]]] = {name: [] for name in metrics}
    for drawn in draw_images(num_test, seed):
        for name, of_shares in metrics.items():
            parts[name].append(of_shares(drawn))
    return {name: np.concatenate(values) for name, values in parts.items()}


def _contrasts(
    values: Mapping[str, float],
    resampled: Mapping[str, NDArray[np.float64]],
    metric: Metric,
    margin: float,
    num_test: int,
) -> list[Contrast]:
    return [
        _contrast(
            a, b, values[a] - values[b], resampled[a] - resampled[b], metric, margin, num_test
        )
        for a, b in combinations(values, 2)
    ]


def _contrast(
    first: str,
    second: str,
    difference: float,
    differences: NDArray[np.float64],
    metric: Metric,
    margin: float,
    num_test: int,
) -> Contrast:
    low, high = percentile_interval(differences)
    low90, high90 = percentile_interval(differences, 1 - 2 * ALPHA)
    return Contrast(
        first=first,
        second=second,
        metric=metric.key,
        higher_is_better=metric.higher_is_better,
        difference=difference,
        ci_low=low,
        ci_high=high,
        ci90_low=low90,
        ci90_high=high90,
        only_first=None,
        only_second=None,
        p_value=min(1.0, 2 * min(_share(differences <= 0), _share(differences >= 0))),
        margin=margin,
        p_equivalence=max(_share(differences <= -margin), _share(differences >= margin)),
        num_test=num_test,
    )


def _share(far: NDArray[np.bool_]) -> float:
    return (int(far.sum()) + 1) / (len(far) + 1)
