import pytest

from polyscale.records import METRICS, Metric
from polyscale.report.metric_words import MetricWords, _article
from polyscale.report.numbers import NBSP, percent

ACCURACY, MEAN_IOU, RMSE = (MetricWords(METRICS[key]) for key in ("accuracy", "miou", "rmse"))


def plain(text: str) -> str:
    return text.replace(NBSP, " ")


@pytest.mark.parametrize(
    ("value", "points"),
    [(0.0, "0.0"), (0.0004, "0.0"), (0.125, "+12.5"), (-0.0312, "−3.1"), (1.0, "+100.0")],
)
def test_shares_are_shown_in_percent_and_points(value, points):
    assert ACCURACY.value(value) == percent(value)
    assert ACCURACY.difference(value) == points
    assert ACCURACY.bounds(value, 1.0) == f"{100 * value:.1f}–100.0"
    assert ACCURACY.interval(value, 1.0) == f"{points} to +100.0".replace(" ", NBSP)


@pytest.mark.parametrize(
    ("words", "value", "gap", "margin"),
    [
        (ACCURACY, "41.2 %", "−3.1 points", "±1"),
        (MEAN_IOU, "41.2 %", "−3.1 points", "±1"),
        (RMSE, "0.412 m", "−0.031 m", "±0.01 m"),
        (MetricWords(Metric(key="r2", name="R²")), "0.412", "−0.031", "±0.01"),
    ],
)
def test_each_metric_has_its_unit(words, value, gap, margin):
    assert plain(words.value(0.412)) == value
    assert plain(words.gap(-0.0312)) == gap
    assert plain(words.margin(0.01)) == margin


def test_an_error_says_that_lower_is_better_and_a_share_does_not():
    every = (ACCURACY, MEAN_IOU, RMSE)
    assert [words.sign for words in every] == [1, 1, -1]
    for part in ("lower", "heading"):
        told = ["lower is better" in getattr(words, part) for words in every]
        assert told == [False, False, True]


def test_a_difference_that_prints_as_zero_has_no_sign():
    assert RMSE.difference(-0.0004) == "0.000"
    assert RMSE.difference(0.0006) == "+0.001"


def test_a_sentence_is_the_metrics_own_or_a_plain_one():
    assert plain(ACCURACY.sentence(0.5, 60)) == "is right on 50.0 % of 60 test images"
    assert plain(MEAN_IOU.sentence(0.5, 60)) == "has a mean IoU of 50.0 % on 60 test images"
    strange = MetricWords(Metric(key="x", name="X", sentence="has {value.real} and {0}"))
    assert strange.sentence(0.5, 60) == "has {value.real} and {0}"
    assert MetricWords(Metric(key="x", name="X"), "clips").sentence(1, 2).endswith("on 2 clips")


def test_other_metrics_are_named_and_rounded_by_their_unit(segmentation, depth):
    assert plain(segmentation.score_words("pixel_accuracy").short_value(0.8714)) == "87.1 %"
    assert plain(depth.score_words("rmse").short_value(0.4119)) == "0.412 m"
    assert depth.score_words("silog").short_value(11.26) == "11.3"
    assert depth.score_words("of_tomorrow").short_value(0.5) == "0.500"
    assert depth.score_words("rmse").title == "RMSE ↓"
    assert depth.score_words("delta1").title == "δ < 1.25"
    assert depth.score_words("of_tomorrow").title == "of tomorrow"


@pytest.mark.parametrize(
    ("noun", "expected"),
    [("action error", "an"), ("success rate", "a"), ("AUROC", "an"), ("R²", "an"), ("F1", "an")],
)
def test_the_article_is_the_spoken_one(noun, expected):
    assert _article(noun) == expected
