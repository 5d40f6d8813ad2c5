from math import inf

import pytest

from polyscale.stats import sweet_spots, sweet_spots_by_axis


@pytest.fixture
def results(row):
    return [
        row("b@1", 10, 0.50, 1e9, value=0.9),
        row("b@1,2", 10, 0.60, 5e9),
        row("b@1,2,3", 10, 0.61, 14e9),
        row("l@1", 30, 0.58, 4e9),
        row("l@1,2", 30, 0.70, 12e9, value=0.1),
        row("g@1", 90, 0.69, 13e9),
    ]


def test_each_budget_has_its_best(results):
    spots = sweet_spots(results, "macs")
    assert [(s.low, s.best.candidate) for s in spots] == [
        (1e9, "b@1"),
        (4e9, "l@1"),
        (5e9, "b@1,2"),
        (12e9, "l@1,2"),
    ]
    assert [s.high for s in spots] == [4e9, 5e9, 12e9, inf]


def test_it_is_the_best_that_fits_the_budget_by_cross_validation(results):
    spots = sweet_spots(results, "macs")
    for budget in (1e9, 3e9, 4.5e9, 11.9e9, 12e9, 1e12):
        (spot,) = [s for s in spots if s.low <= budget < s.high]
        fitting = [r for r in results if r.macs <= budget]
        assert spot.best == max(fitting, key=lambda r: r.selection_value)


def test_each_kind_of_cost_has_its_own(results):
    by_axis = sweet_spots_by_axis(results)
    # the parameters are the same at all scales
    assert [s.best.candidate for s in by_axis["params"]] == ["b@1,2,3", "l@1,2"]
    assert by_axis["macs"] == sweet_spots(results, "macs")


def test_of_an_error_less_is_better(row):
    results = [
        row("b@1", 10, 0.5, 1e9, metric="rmse", higher_is_better=False),
        row("b@1,2", 10, 0.4, 5e9, metric="rmse", higher_is_better=False),
    ]
    assert [s.best.candidate for s in sweet_spots(results, "macs")] == ["b@1", "b@1,2"]
