import numpy as np
import pytest
from sklearn.metrics import jaccard_score

from polyscale.errors import InputError
from polyscale.records import METRICS
from polyscale.stats import (
    image_contrasts,
    image_intervals,
    mean_iou,
    mean_of_images,
    paired_contrasts,
    weighted_contrasts,
    weighted_intervals,
)

RNG = np.random.default_rng(0)


def test_of_rights_and_wrongs_it_is_the_paired_bootstrap():
    right = {"a": RNG.random(200) < 0.6, "b": RNG.random(200) < 0.7}
    (exact,) = paired_contrasts(right, margin=0.05)
    (general,) = image_contrasts(
        {name: r[:, None].astype(float) for name, r in right.items()},
        mean_of_images,
        metric=METRICS["accuracy"],
        margin=0.05,
    )
    assert general.difference == pytest.approx(exact.difference)
    for end in ("ci_low", "ci_high", "ci90_low", "ci90_high"):
        assert getattr(general, end) == pytest.approx(getattr(exact, end), abs=0.006)
    assert general.p_value == pytest.approx(exact.p_value, rel=0.5)


def test_mean_iou_is_of_one_confusion_over_all_images():
    truth, guess = RNG.integers(0, 4, (2, 30, 100))
    rows = np.concatenate(
        [
            [((truth == c) & (guess == c)).sum(axis=1) for c in range(5)],
            [((truth == c) | (guess == c)).sum(axis=1) for c in range(5)],
        ]
    ).T
    # class 4 is on no image, and is left out
    expected = jaccard_score(truth.ravel(), guess.ravel(), average="macro")
    assert mean_iou(rows.mean(axis=0)[None])[0] == pytest.approx(expected)


def test_images_are_resampled_not_pixels():
    """A thousand equal pixels of an image are one fact."""
    errors = RNG.normal(size=(40, 1))
    few = image_contrasts(
        {"a": errors, "b": 0 * errors}, mean_of_images, metric=METRICS["rmse"], margin=0.1
    )[0]
    spread = errors.std() / np.sqrt(40)
    assert few.ci_high - few.ci_low == pytest.approx(2 * 1.96 * spread, rel=0.1)
    assert few.only_first is None


def test_p_values_are_never_0():
    rows = {"a": np.ones((20, 1)), "b": np.zeros((20, 1))}
    (contrast,) = image_contrasts(rows, mean_of_images, metric=METRICS["rmse"], margin=0.1)
    assert 0 < contrast.p_value < 0.001
    assert contrast.p_equivalence == 1


def test_intervals_share_the_resamples_of_contrasts():
    """Against a constant, the difference and the metric have one interval."""
    rows = {"a": RNG.normal(size=(40, 1)), "b": np.zeros((40, 1))}
    (contrast,) = image_contrasts(rows, mean_of_images, metric=METRICS["rmse"], margin=0.1, seed=3)
    intervals = image_intervals(rows, mean_of_images, seed=3)
    assert intervals["a"] == (contrast.ci_low, contrast.ci_high)
    assert intervals["b"] == (0, 0)


def test_mistakes():
    rows = {"a": np.ones((20, 1)), "b": np.zeros((19, 1))}
    with pytest.raises(InputError, match=r"same images for every candidate.*\[19, 20\]"):
        image_contrasts(rows, mean_of_images, metric=METRICS["rmse"], margin=0.1)
    with pytest.raises(InputError, match="margin must be above 0"):
        image_contrasts({"a": rows["a"]}, mean_of_images, metric=METRICS["rmse"], margin=0)
    rows["b"] = np.full((20, 1), np.nan)
    with pytest.raises(InputError, match="20 rows of b are not"):
        image_intervals(rows, mean_of_images)


def test_a_metric_of_weights_that_is_a_mean_is_resampled_as_the_mean():
    rows = {name: RNG.normal(size=(40, 1)) for name in "abc"}
    metrics = {name: lambda shares, own=own: (shares @ own)[:, 0] for name, own in rows.items()}
    options = {"metric": METRICS["rmse"], "margin": 0.05, "seed": 3}
    expected = image_contrasts(rows, mean_of_images, **options)
    for mean, weighted in zip(expected, weighted_contrasts(metrics, 40, **options), strict=True):
        assert weighted.to_dict() == pytest.approx(mean.to_dict())
    means, weighted = image_intervals(rows, mean_of_images), weighted_intervals(metrics, 40)
    for name, ends in means.items():
        assert weighted[name] == pytest.approx(ends)


def test_rights_and_wrongs_carry_the_name_of_their_metric():
    right = {"a": RNG.random(20) < 0.6, "b": RNG.random(20) < 0.7}
    (contrast,) = paired_contrasts(right, metric="counted")
    assert (contrast.metric, contrast.higher_is_better) == ("counted", True)
