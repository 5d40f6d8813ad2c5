import numpy as np
import pytest
from scipy.stats import multinomial

from polyscale.errors import InputError
from polyscale.stats import images_to_differ, images_to_equate
from polyscale.stats.equivalence import equivalence_p
from polyscale.stats.paired import mcnemar_p
from polyscale.stats.power import equivalence_power, mcnemar_power

NUM_TRIES = 2000


def draws(num, first, second):
    shares = [first, second, 1 - first - second]
    return np.random.default_rng(0).multinomial(num, shares, size=NUM_TRIES)[:, :2]


@pytest.mark.parametrize(
    ("num", "first", "second", "alpha"),
    [(120, 0.2, 0.08, 0.05), (40, 0.3, 0.05, 0.05), (400, 0.1, 0.05, 0.01), (100, 0.1, 0.1, 0.05)],
)
def test_power_is_the_share_of_finds(num, first, second, alpha):
    drawn, times = np.unique(draws(num, first, second), axis=0, return_counts=True)
    is_found = [mcnemar_p(int(b), int(c)) < alpha for b, c in drawn]
    found = np.average(is_found, weights=times)
    # four standard errors of the simulation
    assert mcnemar_power(num, first, second, alpha=alpha) == pytest.approx(found, abs=0.045)


@pytest.mark.parametrize(
    ("num", "first", "second", "margin"),
    [(300, 0.05, 0.05, 0.04), (600, 0.1, 0.09, 0.04), (1500, 0.02, 0.03, 0.02), (300, 0, 0, 0.02)],
)
def test_equivalence_power_is_the_share_of_finds(num, first, second, margin):
    found = np.mean(
        [equivalence_p(int(b), int(c), num, margin) < 0.05 for b, c in draws(num, first, second)]
    )
    assert equivalence_power(num, first, second, margin) == pytest.approx(found, abs=0.06)


def test_images_that_differ_are_just_enough():
    num = images_to_differ(0.12, 0.08)
    assert mcnemar_power(num, 0.12, 0.08) >= 0.8
    assert mcnemar_power(int(0.97 * num), 0.12, 0.08) < 0.8
    # Connor's formula, of the test without continuity: the exact one needs a little more
    spread = 1.96 * np.sqrt(0.2) + 0.8416 * np.sqrt(0.2 - 0.04**2)
    assert 1 <= num / (spread / 0.04) ** 2 < 1.1


def test_images_that_equate_are_just_enough():
    num = images_to_equate(0.05, 0.05, 0.01)
    assert equivalence_power(num, 0.05, 0.05, 0.01) >= 0.8
    # normal theory of equal shares: (z of 5 % + z of 10 %)² · discordant share / margin²
    assert num == pytest.approx((1.6449 + 1.2816) ** 2 * 0.1 / 0.01**2, rel=0.02)


def test_stricter_levels_and_nearer_shares_ask_for_more():
    assert images_to_differ(0.12, 0.08, alpha=0.01) > images_to_differ(0.12, 0.08)
    assert images_to_differ(0.11, 0.09) > 3 * images_to_differ(0.12, 0.08)
    assert images_to_equate(0.06, 0.05, 0.02) > images_to_equate(0.055, 0.055, 0.02)


def test_what_no_number_of_images_would_show():
    assert images_to_differ(0.1, 0.1) is None
    assert images_to_differ(0, 0) is None
    assert images_to_differ(0.1, 0.1 + 1e-9) is None
    assert images_to_equate(0.12, 0.1, 0.02) is None
    assert images_to_equate(0, 0, 0.01) is not None


def test_mistakes():
    with pytest.raises(InputError, match="shares must be at least 0"):
        mcnemar_power(10, 0.8, 0.3)


def test_power_is_the_sum_over_every_outcome():
    num, shares = 40, (0.3, 0.1)
    outcomes = np.array([(b, c) for b in range(num + 1) for c in range(num + 1 - b)])
    rest = num - outcomes.sum(axis=1, keepdims=True)
    chances = multinomial.pmf(np.hstack([outcomes, rest]), num, [*shares, 1 - sum(shares)])
    p = np.array([mcnemar_p(int(b), int(c)) for b, c in outcomes])
    for alpha in (0.03, 0.05, 0.11):
        expected = chances[p < alpha].sum()
        assert mcnemar_power(num, *shares, alpha=alpha) == pytest.approx(expected)
