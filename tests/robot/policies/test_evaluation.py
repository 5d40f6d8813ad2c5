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


@pytest.mark.parametrize("lockstep", [1, 4])
def test_a_killed_evaluation_goes_on_to_the_same_episodes(seeing, tmp_path, lockstep):
    controller = replace(seeing, options=replace(seeing.options, lockstep=lockstep))
    whole = toy.act(controller)
    with pytest.raises(KilledError):
        evaluate_policy(controller, make, toy.SEEDS, tmp_path, progress=kill_after(2))
    file = tmp_path / "episodes.jsonl"
    file.write_text(file.read_text()[:-20])  # as a process leaves it that is killed
    with file.open("a") as lines:
        lines.write('\nnot JSON\n{"seed": "905"}')
    assert evaluate_policy(controller, make, toy.SEEDS, tmp_path) == whole
    assert file.read_text().endswith("}\n")
    began = []

    class Watched(toy.Plane):
        def reset(self, seed):
            began.append(seed)
            return super().reset(seed)

    assert evaluate_policy(controller, Watched, toy.SEEDS, tmp_path) == whole
    assert began == []


@pytest.mark.parametrize("num", [2, 5])
def test_more_or_fewer_episodes_are_those_of_a_folder_of_their_own(seeing, tmp_path, num):
    controller = replace(seeing, options=replace(seeing.options, lockstep=4))
    for seeds in (toy.SEEDS[:num], toy.SEEDS, toy.SEEDS[:3]):
        found = evaluate_policy(controller, make, seeds, tmp_path / "one")
        lines = (tmp_path / "one" / "episodes.jsonl").read_text().splitlines()
        assert {json.loads(line)["seed"] for line in lines} >= set(seeds)
        alone = evaluate_policy(controller, make, seeds, tmp_path / f"{len(seeds)}")
        assert found == alone


def make():
    return toy.Plane(side_px=toy.SIDE_PX)
