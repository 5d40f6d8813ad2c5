from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyscale.errors import InputError
from polyscale.stats import (
    Point,
    dominance_calls,
    dominates,
    interpolate_at_cost,
    pareto_front,
    sweet_spots,
    sweet_spots_by_axis,
)

POINTS = st.lists(
    st.builds(Point, st.just("p"), st.integers(1, 6).map(float), st.integers(0, 6).map(float)),
    min_size=1,
    max_size=12,
)


@given(POINTS)
def test_front_is_what_nothing_dominates(points):
    front = pareto_front(points)
    undominated = [p for p in points if not any(dominates(q, p) for q in points)]
    assert {(p.cost, p.value) for p in front} == {(p.cost, p.value) for p in undominated}
    for cheaper, dearer in pairwise(front):
        assert cheaper.cost < dearer.cost
        assert cheaper.value < dearer.value


@given(POINTS, POINTS)
def test_at_most_one_dominates(first, second):
    a, b = first[0], second[0]
    assert not (dominates(a, b) and dominates(b, a))
    (call,) = dominance_calls([a], [b])
    assert call.winner == ("s2" if dominates(a, b) else "larger" if dominates(b, a) else None)


def test_dominance_is_cheaper_or_equal_and_at_least_as_good():
    here = Point("here", 10, 0.5)
    assert dominates(here, Point("dearer", 11, 0.5))
    assert dominates(here, Point("worse", 10, 0.4))
    assert not dominates(here, Point("the same", 10, 0.5))
    assert not dominates(here, Point("better and dearer", 20, 0.6))


CURVE = [Point("b", 100, 0.7), Point("a", 1, 0.5), Point("c", 400, 0.6)]


def test_curve_goes_through_its_points_and_ends_there():
    assert [interpolate_at_cost(CURVE, p.cost) for p in CURVE] == [p.value for p in CURVE]
    assert interpolate_at_cost(CURVE, 0.99) is None
    assert interpolate_at_cost(CURVE, 401) is None
    assert interpolate_at_cost(CURVE[:1], 100) == 0.7
    assert interpolate_at_cost([], 100) is None


@given(st.floats(0.01, 0.99), st.floats(1e-3, 1e9))
def test_curve_is_linear_in_log_cost_whatever_the_unit(share, unit):
    scaled = [Point(p.name, p.cost * unit, p.value) for p in CURVE]
    assert interpolate_at_cost(scaled, unit * 100**share) == pytest.approx(0.5 + 0.2 * share)


def test_a_curve_has_one_value_at_a_cost():
    with pytest.raises(InputError, match="a and b both cost 5"):
        interpolate_at_cost([Point("a", 5, 1), Point("b", 5, 2)], 5)


def test_cost_must_be_above_0():
    with pytest.raises(InputError, match="cost of a must be above 0"):
        Point("a", 0, 1)


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
    assert [(s.budget_low, s.candidate) for s in spots] == [
        (1e9, "b@1"),
        (4e9, "l@1"),
        (5e9, "b@1,2"),
        (12e9, "l@1,2"),
    ]
    assert [s.budget_high for s in spots] == [4e9, 5e9, 12e9, None]


def test_it_is_the_best_that_fits_the_budget_by_cross_validation(results):
    spots = sweet_spots(results, "macs")
    for budget in (1e9, 3e9, 4.5e9, 11.9e9, 12e9, 1e12):
        spot = [s for s in spots if s.budget_low <= budget][-1]
        fitting = [r for r in results if r.macs <= budget]
        assert spot.candidate == max(fitting, key=lambda r: r.selection_value).candidate


def test_each_kind_of_cost_has_its_own(results):
    by_axis = sweet_spots_by_axis(results)
    # the parameters are the same at all scales
    assert [s.candidate for s in by_axis["params"]] == ["b@1,2,3", "l@1,2"]
    assert by_axis["macs"] == sweet_spots(results, "macs")


def test_of_an_error_less_is_better(row):
    results = [
        row("b@1", 10, 0.5, 1e9, metric="rmse", higher_is_better=False),
        row("b@1,2", 10, 0.4, 5e9, metric="rmse", higher_is_better=False),
    ]
    assert [s.candidate for s in sweet_spots(results, "macs")] == ["b@1", "b@1,2"]
