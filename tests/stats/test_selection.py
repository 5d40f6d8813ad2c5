from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.stats.conftest import make_row

from polyscale.stats import (
    cheapest_of_the_best,
    paired_contrasts,
    paired_errors,
    selection_gaps,
    sweet_spots,
    sweet_spots_by_axis,
)

CERTAIN: dict[frozenset[str], float] = {}
"""No errors: every difference counts."""


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


def all_errors(results, error):
    names = [r.candidate for r in results]
    return {frozenset((a, b)): error for a in names for b in names if a != b}


def test_each_budget_has_its_best(results):
    spots = sweet_spots(results, "macs", CERTAIN)
    assert [(s.budget_low, s.candidate) for s in spots] == [
        (1e9, "b@1"),
        (4e9, "l@1"),
        (5e9, "b@1,2"),
        (12e9, "l@1,2"),
    ]
    assert [s.budget_high for s in spots] == [4e9, 5e9, 12e9, None]


def test_without_noise_it_is_the_best_that_fits_the_budget_by_cross_validation(results):
    spots = sweet_spots(results, "macs", CERTAIN)
    for budget in (1e9, 3e9, 4.5e9, 11.9e9, 12e9, 1e12):
        spot = [s for s in spots if s.budget_low <= budget][-1]
        fitting = [r for r in results if r.macs <= budget]
        assert spot.candidate == max(fitting, key=lambda r: r.selection_value).candidate


def test_what_noise_explains_is_not_paid_for(results):
    spots = sweet_spots(results, "macs", all_errors(results, 0.05))
    assert [s.candidate for s in spots] == ["b@1", "l@1", "l@1,2"]
    spots = sweet_spots(results, "macs", all_errors(results, 0.3))
    assert [s.candidate for s in spots] == ["b@1"]


def test_a_cheapest_that_is_best_is_taken_at_every_budget(row):
    results = [row("b@1", 10, 0.88, 0.4e9), row("l@1", 30, 0.78, 0.6e9), row("g@1", 90, 0.83, 9e8)]
    assert [s.candidate for s in sweet_spots(results, "macs", CERTAIN)] == ["b@1"]


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 99)), min_size=1, max_size=8),
    st.floats(0, 0.5),
)
def test_a_larger_budget_never_buys_less(points, error):
    results = [
        make_row(f"m{i}@1", 10, value / 100, 1e9 * cost) for i, (cost, value) in enumerate(points)
    ]
    errors = all_errors(results, error)
    spots = sweet_spots(results, "macs", errors)
    rows = {r.candidate: r for r in results}
    bought = [rows[s.candidate] for s in spots]
    for cheaper, dearer in pairwise(bought):
        assert cheaper.macs < dearer.macs
        assert cheaper.selection_value < dearer.selection_value
    assert bought[-1] == cheapest_of_the_best(results, "macs", errors)


def test_each_kind_of_cost_has_its_own(results):
    by_axis = sweet_spots_by_axis(results, CERTAIN)
    # the parameters are the same at all scales
    assert [s.candidate for s in by_axis["params"]] == ["b@1,2,3", "l@1,2"]
    assert by_axis["macs"] == sweet_spots(results, "macs", CERTAIN)


def test_of_equal_cost_the_one_with_fewer_multiply_adds_is_taken(results):
    spots = sweet_spots(results, "params", all_errors(results, 0.02))
    assert [s.candidate for s in spots] == ["b@1,2", "l@1,2"]


def test_of_an_error_less_is_better(row):
    results = [
        row("b@1", 10, 0.5, 1e9, metric="rmse", higher_is_better=False),
        row("b@1,2", 10, 0.4, 5e9, metric="rmse", higher_is_better=False),
    ]
    assert [s.candidate for s in sweet_spots(results, "macs", CERTAIN)] == ["b@1", "b@1,2"]


def test_the_error_is_that_of_the_paired_difference():
    rng = np.random.default_rng(0)
    right = {"a": rng.random(2000) < 0.6, "b": rng.random(2000) < 0.6}
    (gap,) = selection_gaps(paired_contrasts(right))
    difference = right["a"].astype(float) - right["b"]
    assert gap.difference == pytest.approx(difference.mean())
    assert gap.standard_error == pytest.approx(difference.std() / np.sqrt(2000), rel=0.02)


def test_training_images_go_before_test_images():
    rng = np.random.default_rng(0)
    many, few = (paired_contrasts({n: rng.random(k) < 0.5 for n in "ab"}) for k in (4000, 40))
    pair = frozenset("ab")
    errors = paired_errors(selection_gaps(many), few)
    assert errors[pair] < 0.2 * paired_errors((), few)[pair]
