import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom
from statsmodels.stats.contingency_tables import mcnemar

from polyscale.errors import InputError
from polyscale.stats.equivalence import (
    equivalence_p,
    restricted_variance,
    score_interval,
    score_z,
)

COUNTS = st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 60)).map(
    lambda c: (c[0], c[1], c[0] + c[1] + c[2])
)


def test_published_interval():
    """Airway hyper-responsiveness, Fagerland, Lydersen and Laake 2014: 1 and 7 of 21 discordant."""
    assert score_interval(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


@given(COUNTS.filter(lambda c: c[0] + c[1] > 0))
def test_at_zero_it_is_mcnemars(counts):
    first, second, num = counts
    table = [[num - first - second, first], [second, 0]]
    expected = mcnemar(table, exact=False, correction=False).statistic
    assert score_z(*counts, 0.0) ** 2 == pytest.approx(expected)


@settings(deadline=None)
@given(COUNTS, st.floats(-0.3, 0.3))
def test_variance_is_of_the_likeliest_shares_under_the_hypothesis(counts, delta):
    first, second, num = counts

    def unlikelihood(q):
        shares = np.array([q + delta, q, 1 - 2 * q - delta])
        seen = np.array([first, second, num - first - second])
        return -np.sum(seen[seen > 0] * np.log(np.maximum(shares[seen > 0], 1e-300)))

    low, high = max(0, -delta), (1 - delta) / 2
    best = minimize_scalar(unlikelihood, bounds=(low, high), method="bounded").x
    if second == 0:  # the likeliest may lie on the edge, where the search does not go
        best = min(best, low, key=unlikelihood)
    expected = 2 * best + delta - delta**2
    assert restricted_variance(first / num, second / num, delta) == pytest.approx(
        expected, abs=2e-4
    )


@given(COUNTS)
def test_interval_holds_the_observed_difference_and_turns_with_the_pair(counts):
    first, second, num = counts
    low, high = score_interval(first, second, num)
    assert -1 <= low <= (first - second) / num <= high <= 1
    assert score_interval(second, first, num) == pytest.approx((-high, -low), abs=1e-9)


@given(COUNTS, st.floats(0.01, 0.3))
def test_p_is_below_5_percent_just_where_the_90_percent_interval_is_inside(counts, margin):
    low, high = score_interval(*counts, level=0.9)
    inside = max(high, -low) - margin
    if abs(inside) > 1e-6:
        assert (equivalence_p(*counts, margin) < 0.05) == (inside < 0)


@pytest.mark.parametrize("discordant", [0.12, 0.2, 0.4])
def test_size_is_kept_exactly(discordant):
    """Chance of a false "equal" at a true difference of just the margin, every outcome summed."""
    num, margin = 100, 0.1
    toss = (discordant + margin) / 2 / discordant
    false_alarms = 0.0
    for total in range(num + 1):
        weight = binom.pmf(total, num, discordant)
        if weight < 1e-9:
            continue
        for first in range(total + 1):
            if equivalence_p(first, total - first, num, margin) < 0.05:
                false_alarms += weight * binom.pmf(first, total, toss)
    assert 0.005 < false_alarms < 0.06


def test_no_discordant_image_does_not_prove_equality():
    """A bootstrap would: its interval has no width."""
    assert equivalence_p(0, 0, 50, 0.01) > 0.2
    assert equivalence_p(0, 0, 1000, 0.01) < 0.01


@pytest.mark.parametrize("margin", [0, -0.01, 1])
def test_margin_must_be_one(margin):
    with pytest.raises(InputError, match="margin must be between 0 and 1"):
        equivalence_p(1, 1, 10, margin)
