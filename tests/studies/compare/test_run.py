"""What happens to a run when something goes wrong, and what it costs to go on."""

import errno
import os

import numpy as np
import pytest
from tests.tiny_study import CANDIDATES, LARGE, SMALL

from polyscale.errors import RunError
from polyscale.features import extract
from polyscale.studies import run_compare
from polyscale.studies.compare import costs

NUM_IMAGES = 36


def numbers(comparison):
    """Everything that must not depend on how a run came about."""
    return {
        row.candidate: (row.value, row.selection_value, row.macs, row.peak_bytes, row.feature_dim)
        for row in comparison.rows
    } | {name: s.columns["probability"].tolist() for name, s in comparison.scores.items()}


def fail_on(model, *, after=0):
    """From now on the model raises once it has run `after` times."""
    calls = []

    def forward(tiles):
        calls.append(1)
        if len(calls) > after:
            raise ZeroDivisionError("the model broke\nin two lines")
        return type(model).forward(model, tiles)

    model.forward = forward


def test_a_model_that_fails_stops_no_other(study, whole):
    plan = study.plan()
    fail_on(study.models[LARGE], after=1)
    comparison = run_compare(plan)
    (failure,) = comparison.failures
    assert failure.to_dict() == {
        "candidate": f"{LARGE}@1",
        "error": "the model broke",
        "kind": "ZeroDivisionError",
    }
    assert [row.candidate for row in comparison.rows] == CANDIDATES[:2]
    assert numbers(comparison).items() <= numbers(whole).items()


def test_a_model_that_fails_only_while_it_is_timed(study, monkeypatch):
    turn = costs.Meter.turn

    def fail(meter, number):
        if number == 1 and meter._counted.params == sum(
            p.numel() for p in study.models[LARGE].parameters()
        ):
            raise MemoryError("no memory")
        turn(meter, number)

    monkeypatch.setattr(costs.Meter, "turn", fail)
    comparison = study()
    assert [f.candidate for f in comparison.failures] == [f"{LARGE}@1"]
    assert [row.candidate for row in comparison.rows] == CANDIDATES[:2]


def test_a_scale_that_gives_nan_fails_the_candidates_with_it(study, whole, monkeypatch):
    check = extract._check_finite

    def broken(rows, module, scale, *images):
        check(rows * np.float32("nan") if scale == 2 else rows, module, scale, *images)

    monkeypatch.setattr(extract, "_check_finite", broken)
    comparison = study()
    (failure,) = comparison.failures
    assert failure.candidate == f"{SMALL}@1,2"
    assert "NaN or infinite features at scale 2" in failure.error
    assert [row.candidate for row in comparison.rows] == [CANDIDATES[0], CANDIDATES[2]]
    assert numbers(comparison).items() <= numbers(whole).items()
    assert not comparison.verdicts


def test_where_all_fail_there_is_no_comparison(study):
    plan = study.plan()
    for model in study.models.values():
        fail_on(model)
    with pytest.raises(RunError, match="every candidate failed: .*the model broke.*; ") as told:
        run_compare(plan)
    assert "\n" not in str(told.value)


class Interrupt(BaseException):
    """Ctrl-C."""


@pytest.mark.parametrize(
    ("where", "least"),
    [("small: train", 8), ("large: heads", 0), ("costs", 4)],
)
def test_an_interrupted_run_ends_with_the_same_numbers(study, whole, tmp_path, where, least):
    def interrupt(step, done, total, unit):
        if where in step and done >= least:
            raise Interrupt

    settings = {"probes": True}
    with pytest.raises(Interrupt):
        study(cache=tmp_path / "cache", told=interrupt, **settings)
    again = study(cache=tmp_path / "cache", **settings)
    assert numbers(again) == numbers(whole)
    assert again.probes == whole.probes
    assert again.timing.num_tiles < whole.timing.num_tiles


def test_a_full_disk_is_told_in_one_line_and_the_run_goes_on_later(
    study, whole, tmp_path, monkeypatch
):
    replace, left = os.replace, [4]

    def full(partial, file):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(partial, file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(RunError, match=r"No space left on device\)\. Make room") as told:
            study(cache=tmp_path / "cache")
    assert "\n" not in str(told.value)
    assert not [*(tmp_path / "cache").rglob("*.partial")]
    again = study(cache=tmp_path / "cache")
    assert numbers(again) == numbers(whole)
    assert 0 < again.timing.num_tiles < NUM_IMAGES * 6


def test_a_new_scale_or_candidate_costs_itself_alone(study, tmp_path):
    def tiles(candidates):
        return study(candidates, cache=tmp_path / "cache").timing.num_tiles

    assert tiles([f"{SMALL}@1", f"{SMALL}@1,2"]) == NUM_IMAGES * 5
    assert tiles([f"{SMALL}@1", f"{SMALL}@1,2", f"{SMALL}@1,2,3"]) == NUM_IMAGES * 9
    assert tiles(CANDIDATES) == NUM_IMAGES
    assert tiles(CANDIDATES) == 0


def test_the_limit_of_the_cache_keeps_what_the_run_uses(study, tmp_path):
    cache = tmp_path / "cache"
    study([f"{LARGE}@1"], cache=cache)
    old = {folder.name for folder in cache.iterdir()}
    study([f"{SMALL}@1,2"], cache=cache, limit=1)
    new = {folder.name for folder in cache.iterdir()}
    assert not old & new
    assert len(new) == 5  # features of two scales in two splits, and the costs
    assert study([f"{SMALL}@1,2"], cache=cache).timing.num_tiles == 0


def test_costs_are_measured_in_turns(study, monkeypatch):
    turns = []
    turn = costs.Meter.turn

    def noted(meter, number):
        turns.append((number, id(meter)))
        turn(meter, number)

    monkeypatch.setattr(costs.Meter, "turn", noted)
    study()
    order = [meter for number, meter in turns if number == 0]
    assert len(order) == 3
    assert turns == [(number, meter) for number in range(costs.TURNS) for meter in order]


def test_the_model_is_busy_part_of_the_time(whole):
    timing = whole.timing
    assert 0 < timing.busy_share <= 1
    assert timing.model_s <= timing.stages["features"] <= timing.wall_s
    assert sum(timing.stages.values()) <= timing.wall_s
