import numpy as np
import pytest
from scipy.stats import fisher_exact, multinomial
from statsmodels.stats.proportion import samplesize_proportions_2indep_onetail

from polyscale.data.published import load_paper
from polyscale.errors import InputError
from polyscale.stats import images_to_differ, images_to_equate, trials_per_arm
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
    found = np.mean([mcnemar_p(int(b), int(c)) < alpha for b, c in draws(num, first, second)])
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


def test_the_papers_robot_is_not_significant():
    """62.5 against 43.8 per cent of 16 trials: 10 and 7."""
    rows = {row.method: row for row in load_paper("robot") if row.model == "ViT-B/16"}
    wins = {m: round(row.value / 100 * row.num_trials) for m, row in rows.items()}
    assert wins == {"single": 7, "s2": 10}
    table = [[7, 9], [10, 6]]
    assert fisher_exact(table).pvalue == pytest.approx(0.48, abs=0.005)
    assert trials_per_arm(7 / 16, 10 / 16) == 111  # 110.02 by formula


@pytest.mark.parametrize(("first", "second"), [(0.5, 0.6), (0.1, 0.3), (0.9, 0.8)])
def test_trials_per_arm_are_statsmodels(first, second):
    expected = samplesize_proportions_2indep_onetail(
        first - second, second, 0.8, ratio=1, alpha=0.05, alternative="two-sided"
    )
    assert trials_per_arm(first, second) == pytest.approx(expected, abs=1.01)


def test_mistakes():
    with pytest.raises(InputError, match="rates must be two numbers"):
        trials_per_arm(0.5, 0.5)
    with pytest.raises(InputError, match="shares must be at least 0"):
        mcnemar_power(10, 0.8, 0.3)


@pytest.mark.parametrize("alpha", [0.03, 0.05, 0.11])
def test_power_is_the_sum_over_every_outcome(alpha):
    num, shares = 60, (0.3, 0.1)
    expected = sum(
        multinomial.pmf([b, c, num - b - c], num, [*shares, 1 - sum(shares)])
        for b in range(num + 1)
        for c in range(num + 1 - b)
        if mcnemar_p(b, c) < alpha
    )
    assert mcnemar_power(num, *shares, alpha=alpha) == pytest.approx(expected)
