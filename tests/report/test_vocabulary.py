import pytest
from polyscale.report.vocabulary import (
    ACCURACY,
    MEAN_IOU,
    RMSE,
    VOCABULARIES,
    score_name,
    score_text,
)

from polyscale.report.numbers import NBSP, interval_percent, interval_points, percent, points


def plain(text: str) -> str:
    return text.replace(NBSP, " ")


@pytest.mark.parametrize("value", [0.0, 0.0004, 0.125, -0.0312, 1.0])
def test_shares_are_spoken_of_in_percent_and_points(value):
    assert ACCURACY.value(value) == percent(value)
    assert ACCURACY.difference(value) == points(value)
    assert ACCURACY.bounds(value, 1.0) == interval_percent(value, 1.0)
    assert ACCURACY.interval(value, 1.0) == interval_points(value, 1.0)


@pytest.mark.parametrize(
    ("say", "value", "gap", "margin"),
    [
        (ACCURACY, "41.2 %", "−3.1 points", "±1"),
        (MEAN_IOU, "41.2 %", "−3.1 points", "±1"),
        (RMSE, "0.412 m", "−0.031 m", "±0.01 m"),
    ],
)
def test_each_metric_has_its_unit(say, value, gap, margin):
    assert plain(say.value(0.412)) == value
    assert plain(say.gap(-0.0312)) == gap
    assert plain(say.margin(0.01)) == margin


def test_an_error_says_that_lower_is_better_and_a_share_does_not():
    assert [say.sign for say in VOCABULARIES.values()] == [1, 1, -1]
    for part in ("lower", "aside", "axis", "heading"):
        told = ["lower is better" in getattr(say, part) for say in VOCABULARIES.values()]
        assert told == [False, False, True]


def test_a_difference_that_prints_as_zero_has_no_sign():
    assert RMSE.difference(-0.0004) == "0.000"
    assert RMSE.difference(0.0006) == "+0.001"


def test_other_metrics_are_named_and_rounded_by_their_unit():
    assert plain(score_text("pixel_accuracy", 0.8714)) == "87.1 %"
    assert plain(score_text("rmse", 0.4119)) == "0.412 m"
    assert score_text("silog", 11.26) == "11.3"
    assert score_text("of_tomorrow", 0.5) == "0.500"
    assert (score_name("rmse"), score_name("delta1")) == ("RMSE ↓", "δ < 1.25")
    assert score_name("of_tomorrow") == "of tomorrow"
