import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from polyscale.stats import RightShare, answer_of, preferred


def test_equally_small_losses_prefer_nothing():
    assert preferred((1.0, 1.0, 2.0)) is None
    assert preferred((2.0, 1.0, 1.5)) == 1
    assert preferred((float("nan"), 1.0)) is None
    assert preferred((1.0, float("nan"))) is None


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        ([(1, 2)], (0, 1.0)),
        ([(1, 1)], (None, 0.0)),
        ([(1, 2, 3), (1, 2, 3), (3, 2, 1)], (0, 2 / 3)),
        ([(1, 2), (2, 1)], (None, 0.5)),
        ([(2, 1, 3), (2, 1, 3), (1, 2, 3)], (1, 1 / 3)),
    ],
)
def test_an_answer_needs_more_than_half_of_the_trials(trials, expected):
    assert answer_of(trials) == expected


def test_a_share_has_wilsons_interval():
    share = RightShare.of(np.array([True, False, True]))
    assert (share.right, share.num, share.value) == (2, 3, 2 / 3)
    expected = proportion_confint(2, 3, method="wilson")
    assert (share.ci_low, share.ci_high) == pytest.approx(expected)
