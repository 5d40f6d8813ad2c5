"""Policies are judged, and a killed evaluation continues."""

import json
from dataclasses import replace

import pytest
from tests.robot import toy

from polyscale.errors import RunError
from polyscale.robot import evaluate_policy


def test_a_full_disk_is_told(told, tmp_path, monkeypatch):
    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("polyscale.robot.policies.evaluation.whole_file", full)
    filmed = replace(told, options=replace(told.options, film=True))
    with pytest.raises(RunError, match=r"No space left.* Make room, or choose another folder\.$"):
        evaluate_policy(filmed, toy.Plane, toy.SEEDS[:1], tmp_path)


def kill_after(num):
    def kill(step, done, total, unit, **more):
        if done >= num:
            raise KilledError

    return kill


class KilledError(Exception):
    pass


@pytest.fixture(params=[1, 4])
def controller(seeing, request):
    return replace(seeing, options=replace(seeing.options, lockstep=request.param, film=True))


def test_a_killed_evaluation_goes_on_to_the_same_episodes(controller, tmp_path):
    whole = evaluate_policy(controller, make, toy.SEEDS, tmp_path / "whole")
    with pytest.raises(KilledError):
        evaluate_policy(controller, make, toy.SEEDS, tmp_path, progress=kill_after(2))
    file = tmp_path / "episodes.jsonl"
    file.write_text(file.read_text()[:-20] + '\nnot JSON\n{"seed": "905"}')
    assert evaluate_policy(controller, make, toy.SEEDS, tmp_path) == whole
    assert lines_of(tmp_path) == lines_of(tmp_path / "whole")


def test_a_finished_evaluation_is_not_run_again(controller, tmp_path):
    whole = evaluate_policy(controller, make, toy.SEEDS, tmp_path)

    def none():
        raise AssertionError("nothing is to run again")

    assert evaluate_policy(controller, none, toy.SEEDS, tmp_path) == whole
    assert evaluate_policy(controller, none, toy.SEEDS[1:3], tmp_path) == whole[1:3]
    blind = replace(controller, options=replace(controller.options, film=False))
    assert [each.film for each in evaluate_policy(blind, none, toy.SEEDS, tmp_path)] == [None] * 6


def test_an_episode_does_not_depend_on_how_many_are_asked_for(controller, tmp_path):
    for seeds in (toy.SEEDS[:2], toy.SEEDS[1:5], toy.SEEDS, toy.SEEDS[:3]):
        found = evaluate_policy(controller, make, seeds, tmp_path / "one")
        alone = evaluate_policy(controller, make, seeds, tmp_path / f"{seeds[0]} {len(seeds)}")
        assert found == alone
    assert lines_of(tmp_path / "one") == lines_of(tmp_path / "900 6")


def test_films_are_made_where_they_are_missing(controller, tmp_path):
    blind = replace(controller, options=replace(controller.options, film=False))
    before = evaluate_policy(blind, make, toy.SEEDS, tmp_path)
    after = evaluate_policy(controller, make, toy.SEEDS, tmp_path)
    assert [replace(each, film=None) for each in after] == before
    assert all(each.film for each in after)
    assert len(lines_of(tmp_path)) >= len(toy.SEEDS)


def lines_of(folder):
    """The lines of a file of episodes, by seed, each once."""
    rows = [json.loads(line) for line in (folder / "episodes.jsonl").read_text().splitlines()]
    found = {row["seed"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def make():
    return toy.Plane(side_px=toy.SIDE_PX)
