import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.robot.conftest import SMALL

from polyscale.data import Demonstrations, EvaluationScenes
from polyscale.errors import InputError
from polyscale.robot import PickingScene, load_demonstrations, make_evaluation_scenes, record


@pytest.fixture(scope="module")
def folder(drawn, tmp_path_factory):
    return record(tmp_path_factory.mktemp("recorded") / "own", 5, scene=SMALL, side_px=32).out


@pytest.fixture
def foreign(folder, tmp_path):
    """The same demonstrations, of a scene that nobody can simulate."""
    copied = shutil.copytree(folder, tmp_path / "foreign")
    (copied / "meta/polyscale.json").unlink()
    return copied


def test_our_scene_is_tested_in_the_simulator(folder):
    data = load_demonstrations(f"lerobot:{folder}?trials=4")
    assert data.train.num_episodes == 5
    assert isinstance(data.test, EvaluationScenes)
    assert (len(data.test), data.fps, data.is_drawn) == (4, 25.0, False)
    assert data.scene == SMALL.to_json()
    assert data.test.read(3).size == (32, 32)


def test_other_scenes_hold_episodes_out(foreign):
    data, again, other = (
        load_demonstrations(f"lerobot:{foreign}", seed=seed) for seed in (0, 0, 1)
    )
    assert isinstance(data.test, Demonstrations)
    assert (data.train.num_episodes, data.test.num_episodes) == (4, 1)
    assert data.scene is None
    assert data.is_drawn
    assert not {*data.train.ids} & {*data.test.ids}
    assert data.test.ids == again.test.ids != other.test.ids


def test_a_limit_is_of_both_splits(folder, foreign):
    own = load_demonstrations(f"lerobot:{folder}?limit=2")
    assert (own.train.num_episodes, len(own.test)) == (2, 2)
    held_out = load_demonstrations(f"lerobot:{foreign}?limit=2")
    assert (held_out.train.num_episodes, held_out.test.num_episodes) == (2, 1)


def test_trials_are_refused_where_nothing_can_be_simulated(foreign):
    with pytest.raises(InputError, match="option trials of data must be left out for lerobot:"):
        load_demonstrations(f"lerobot:{foreign}?trials=4")


def test_data_that_are_not_of_their_scene_are_refused(folder, tmp_path):
    changed = shutil.copytree(folder, tmp_path / "changed")
    for file in changed.glob("data/*/*.parquet"):
        table = pq.read_table(file)
        states = [row[:6] for row in table["observation.state"].to_pylist()]
        column = table.column_names.index("observation.state")
        pq.write_table(table.set_column(column, "observation.state", [states]), file)
    with pytest.raises(InputError, match=r"but has 6 numbers of observation.state, not 7\. Rec"):
        load_demonstrations(f"lerobot:{changed}")


def test_too_few_episodes_to_hold_any_out(drawn, tmp_path):
    out = record(tmp_path / "own", 2, scene=SMALL, side_px=16).out
    (out / "meta/polyscale.json").unlink()
    with pytest.raises(InputError, match="must have at least 3 episodes, but has 2. Record more"):
        load_demonstrations(f"lerobot:{out}")


def test_fetch_is_recorded_once(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "polyscale.robot.demonstrations.recording.PickingScene",
        lambda settings, side_px: PickingScene(settings, 16),
    )
    told = []
    for _ in range(2):
        data = load_demonstrations(
            "fetch?episodes=2&trials=3",
            cache=tmp_path,
            progress=lambda step, *of, note="": told.append(step),
        )
    assert (data.train.num_episodes, len(data.test)) == (2, 3)
    assert len([*tmp_path.glob("demonstrations/*")]) == 1


def test_fetch_needs_a_cache():
    with pytest.raises(InputError, match="data fetch must have a cache.*polyscale robot record"):
        load_demonstrations("fetch")


@pytest.mark.parametrize("source", ["fetsch", "lerobot", "lerobot:", "fetch:here", "rooms"])
def test_unknown_names_are_refused(source):
    with pytest.raises(InputError, match="data must be fetch or lerobot:DIR, but got"):
        load_demonstrations(source)


def test_unknown_options_are_refused(tmp_path):
    with pytest.raises(InputError, match="must be among episodes, trials, limit, but got 'trails'"):
        load_demonstrations("fetch?trails=3", cache=tmp_path)
    with pytest.raises(InputError, match="trials of data must be a whole number of at least 2"):
        load_demonstrations("fetch?episodes=2&trials=0", cache=tmp_path)
    assert not [*tmp_path.iterdir()]  # refused before anything is recorded


def test_fewer_starts_are_the_first_of_more():
    few, more = make_evaluation_scenes(SMALL, 3), make_evaluation_scenes(SMALL, 5)
    assert few.seeds == more.seeds[:3]
    np.testing.assert_array_equal(few.cube_xy_m, more.cube_xy_m[:3])
    assert few.fingerprint != more.fingerprint


def test_another_simulator_is_told(tmp_path, drawn):
    out = record(tmp_path / "out", 2, side_px=64).out
    assert load_demonstrations(f"lerobot:{out}?trials=2").notes == ()
    file = out / "meta/polyscale.json"
    facts = json.loads(file.read_text())
    facts["simulator"]["mujoco"] = "1.0"
    file.write_text(json.dumps(facts))
    (note,) = load_demonstrations(f"lerobot:{out}?trials=2").notes
    assert "recorded with scene 1, mujoco 1.0, gymnasium-robotics" in note
