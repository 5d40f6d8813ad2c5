import math

import pytest
from polyscale.report.extras import Probes

from polyscale.report.read import read_run
from polyscale.report.sections import few_shot, spots, turned_controls


@pytest.fixture(scope="module")
def full_run(shared_full_folder):
    return read_run(shared_full_folder)


def test_controls_are_turned_to_the_candidate_less_its_control(full_run):
    values = {r.candidate: r.value for r in full_run.results}
    ran = [c for c in turned_controls(full_run) if c.value is not None]
    assert len(ran) == 2
    for control in ran:
        ahead = values[control.candidate] - control.value
        assert control.difference == pytest.approx(ahead)
        assert control.diff_low < control.difference < control.diff_high


def test_skipped_shots_are_left_out(full_run):
    found = few_shot(full_run.results, full_run.extras.probes)
    assert found.shots == (1, 2, 5, 10)


def test_shots_without_a_number_are_no_chart(run):
    nothing = Probes(few_shot=[{"shots": 1, "mean": math.nan, "low": 0, "high": 0}])
    assert few_shot(run.results, {run.results[0].candidate: nothing}) is None


def test_each_budget_gets_more_and_the_best_comes_last(run):
    for own in spots(run.results):
        best = max(run.results, key=lambda r: r.selection_value)
        assert own.ranges[-1].best == best
        lows = [r.low for r in own.ranges]
        assert lows == sorted(lows)
    assert spots(run.results[:1]) == []
