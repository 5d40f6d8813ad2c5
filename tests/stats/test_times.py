"""Ratios of costs, and which of them can be trusted."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_rel

from polyscale.records import COST_AXES, Turns, known_axes
from polyscale.stats.times import cost_ratio


def timed(row, *latency_ms, session="a", **facts):
    turns = Turns(session=session, image_hw=(4, 4), batch=1, latency_ms=latency_ms, **facts)
    return replace(row, latency_ms=float(np.median(latency_ms)), turns=turns)


@pytest.fixture
def pair(row):
    small, large = row("s@1,2", 10, 0.6, 3e9), row("l@1", 30, 0.6, 4e9)
    return timed(small, 6.0, 6.6, 6.1, 6.0), timed(large, 3.0, 3.2, 3.1, 2.9)


def test_the_ratio_of_times_is_paired_by_turn(pair):
    ratio = cost_ratio(*pair, "latency_ms")
    logs = [np.log(one.turns.latency_ms) for one in pair]
    interval = ttest_rel(*logs).confidence_interval()
    assert np.log([ratio.low, ratio.high]) == pytest.approx(interval)
    assert np.log(ratio.value) == pytest.approx(np.mean(logs[0] - logs[1]))
    turned = cost_ratio(*pair[::-1], "latency_ms")
    assert turned == pytest.approx((1 / ratio.value, 1 / ratio.high, 1 / ratio.low))


def test_counted_costs_have_no_interval(pair):
    assert cost_ratio(*pair, "macs") == (0.75, None, None)


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, latency_ms=None, turns=None),
        lambda one: replace(one, turns=replace(one.turns, session="b")),
        lambda one: replace(one, turns=replace(one.turns, cpu_share=0.5)),
        lambda one: replace(one, turns=None),
    ],
    ids=["not measured", "not together", "disturbed", "an older run"],
)
def test_times_that_cannot_be_compared_have_no_ratio(pair, change):
    first, second = change(pair[0]), pair[1]
    assert known_axes(pair) == COST_AXES
    assert "latency_ms" not in known_axes([first, second])
    assert cost_ratio(first, second, "latency_ms") == (None, None, None)
    assert cost_ratio(first, second, "macs").value == 0.75


def test_times_of_older_runs_are_compared_without_an_interval(pair):
    older = [replace(one, turns=None) for one in pair]
    assert cost_ratio(*older, "latency_ms") == (
        older[0].latency_ms / older[1].latency_ms,
        None,
        None,
    )
