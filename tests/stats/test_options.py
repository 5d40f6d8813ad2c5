import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from polyscale.stats import answer_of, preferred, right_shares


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


def test_shares_are_those_of_each_category_with_wilsons_interval():
    correct = np.array([True, False, True, True, False, False])
    found = right_shares(correct, ["b", "a", "b", "a", "b", "a"])
    assert list(found) == ["b", "a"]
    for name, right in (("b", 2), ("a", 1)):
        share = found[name]
        assert (share.right, share.num, share.value) == (right, 3, right / 3)
        expected = proportion_confint(right, 3, method="wilson")
        assert (share.ci_low, share.ci_high) == pytest.approx(expected)
