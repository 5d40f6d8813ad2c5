import numpy as np
import pytest

from polyscale.errors import InputError
from polyscale.stats import (
    over_both,
    over_seeds,
    paired_contrasts,
)

RIGHT = np.random.default_rng(0).random(400) < 0.7


def test_equal_seeds_leave_the_sampling_alone():
    spread = over_seeds(np.stack([RIGHT] * 3))
    assert spread.seed_std == 0
    (contrast,) = paired_contrasts({"a": RIGHT, "none": np.zeros(400, bool)})
    assert (spread.ci_low, spread.ci_high) == pytest.approx(
        (contrast.ci_low, contrast.ci_high), abs=0.005
    )


def test_equal_images_leave_the_seeds_alone():
    """Every image alike: other images would change nothing, another seed would."""
    spread = over_seeds(np.array([[0.6] * 50, [0.7] * 50, [0.8] * 50]))
    assert spread.values == pytest.approx((0.6, 0.7, 0.8))
    assert spread.seed_std == pytest.approx(0.1)
    assert (spread.ci_low, spread.ci_high) == pytest.approx((0.7, 0.7))


def test_more_seeds_narrow_no_sampling():
    """Seeds share the images: twenty of them are not twenty times the test set."""
    flips = np.random.default_rng(1).random((20, 400)) < 0.02
    many, few = over_seeds(RIGHT ^ flips), over_seeds((RIGHT ^ flips)[:3])
    width = many.ci_high - many.ci_low
    assert width > 0.9 * (few.ci_high - few.ci_low)
    assert width == pytest.approx(2 * 1.96 * np.sqrt(0.7 * 0.3 / 400), rel=0.15)


@pytest.mark.parametrize("shape", [(2, 50), (50,), (3, 0)])
def test_three_seeds_at_least(shape):
    with pytest.raises(InputError, match="values must be at least 3 seeds by test images"):
        over_seeds(np.zeros(shape))


def test_an_interval_over_both_is_that_over_images_where_seeds_agree():
    values = np.tile(np.random.default_rng(0).normal(0.1, 1, 400), (3, 1))
    spread = over_seeds(values)
    both = over_both(spread)
    low, high = both.interval()
    assert (low, high) == pytest.approx((spread.ci_low, spread.ci_high), abs=0.01)
    assert (both.p_value < 0.05) == (low > 0 or high < 0)


def test_an_interval_over_both_covers_other_seeds_and_other_images():
    """Both true means are zero: one time in twenty the interval may miss it."""
    rng, missed = np.random.default_rng(0), 0
    for _ in range(200):
        shared, own = rng.normal(0, 1, 100), rng.normal(0, 0.1, (3, 1))
        both = over_both(over_seeds(shared + own + rng.normal(0, 0.5, (3, 100))))
        low, high = both.interval()
        missed += not low <= 0 <= high
    assert missed <= 20
