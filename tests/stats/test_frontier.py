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
