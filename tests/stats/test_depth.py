import math

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_absolute_percentage_error, root_mean_squared_error
from torchmetrics import MeanSquaredError

from polyscale.errors import InputError
from polyscale.stats import DEPTH_METRICS, EIGEN_CROP_YXYX, depth_errors, depth_metrics
from polyscale.stats.depth import crop_slices

RANGE = {"min_m": 0.1, "max_m": 8.0}


@pytest.fixture
def pair():
    """Some depths are unknown, some out of range; so are some predictions."""
    rng = np.random.default_rng(0)
    depth = rng.uniform(0.05, 9, (24, 30)).astype(np.float32)
    predicted = (depth * rng.lognormal(0.1, 0.4, depth.shape)).astype(np.float32)
    depth[rng.random(depth.shape) < 0.2] = np.nan
    return depth, predicted


def plain(depth, predicted, low, high):
    """The formulas, pixel by pixel."""
    pairs = [
        (float(t), min(max(float(p), low), high))
        for t, p in zip(depth.ravel(), predicted.ravel(), strict=True)
        if low <= t <= high
    ]
    n = len(pairs)
    logs = [math.log(p) - math.log(t) for t, p in pairs]
    mean_log = sum(logs) / n
    return [
        math.sqrt(sum((p - t) ** 2 for t, p in pairs) / n),
        sum(abs(p - t) / t for t, p in pairs) / n,
        *(sum(max(p / t, t / p) < 1.25**k for t, p in pairs) / n for k in (1, 2, 3)),
        100 * math.sqrt(sum(d * d for d in logs) / n - mean_log**2),
    ]


def test_errors_are_the_formulas(pair):
    np.testing.assert_allclose(depth_errors(*pair, **RANGE), plain(*pair, 0.1, 8), rtol=1e-6)


def test_errors_agree_with_scikit_learn_and_torchmetrics(pair):
    depth, predicted = pair
    rmse, abs_rel = depth_errors(depth, predicted, **RANGE)[:2]
    valid = (depth >= 0.1) & (depth <= 8)
    t, p = depth[valid], predicted[valid].clip(0.1, 8)
    assert rmse == pytest.approx(root_mean_squared_error(t, p))
    assert abs_rel == pytest.approx(mean_absolute_percentage_error(t, p))
    metric = MeanSquaredError(squared=False)
    assert rmse == pytest.approx(float(metric(torch.from_numpy(p), torch.from_numpy(t))), rel=1e-5)


def test_silog_does_not_mind_a_common_factor(pair):
    depth = pair[0].clip(1, 3)
    errors = dict(zip(DEPTH_METRICS, depth_errors(depth, 2 * depth, **RANGE), strict=True))
    assert errors["silog"] == pytest.approx(0, abs=1e-3)
    assert errors["abs_rel"] == pytest.approx(1)
    assert (errors["delta1"], errors["delta3"]) == (0, 0)


def test_the_eigen_crop_is_exact_on_nyu():
    assert crop_slices((480, 640), EIGEN_CROP_YXYX) == (slice(45, 471), slice(41, 601))
    depth = np.full((480, 640), np.nan, np.float32)
    depth[45:471, 41:601] = 2
    wrong = np.where(np.isnan(depth), 7, depth + 1).astype(np.float32)
    beyond = np.nan_to_num(depth, nan=5)  # were it judged, the error would not be 1
    assert depth_errors(beyond, wrong, crop_yxyx=EIGEN_CROP_YXYX, **RANGE)[0] == 1
    assert depth_errors(beyond, wrong, **RANGE)[0] > 1


def test_images_without_a_valid_pixel_are_left_out_of_the_mean(pair):
    nothing = np.full((4, 4), np.nan, np.float32)
    rows = np.stack([depth_errors(*pair, **RANGE), depth_errors(nothing, nothing, **RANGE)])
    assert np.isnan(rows[1]).all()
    assert list(depth_metrics(rows).values()) == pytest.approx(rows[0].tolist())
    assert list(depth_metrics(rows)) == list(DEPTH_METRICS)


def test_mistakes(pair):
    depth, predicted = pair
    with pytest.raises(InputError, match="predicted_m must have the shape"):
        depth_errors(depth, predicted[:3], **RANGE)
    with pytest.raises(InputError, match="predicted_m must be finite, but 1 pixels are not"):
        depth_errors(np.ones((1, 2), np.float32), np.array([[1, np.nan]]), **RANGE)
    with pytest.raises(InputError, match="crop_yxyx must be top, left, bottom, right"):
        depth_errors(depth, predicted, crop_yxyx=(45, 41, 471, 601), **RANGE)
    with pytest.raises(InputError, match="none of 2 has any"):
        depth_metrics(np.full((2, 6), np.nan))
