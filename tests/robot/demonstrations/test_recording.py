import io
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.robot.conftest import SMALL

from polyscale.data.lerobot import read_lerobot
from polyscale.errors import InputError, RunError
from polyscale.robot import SceneSettings, record
from polyscale.robot.demonstrations.recording import demonstrate
from polyscale.robot.simulation.scene import simulator_versions
from polyscale.robot.simulation.seeds import SCENES_PER_RECORDING

SIDE_PX = 32


@pytest.fixture(scope="module")
def folder(drawn, tmp_path_factory):
    out = tmp_path_factory.mktemp("recorded") / "demonstrations"
    return record(out, 3, scene=SMALL, side_px=SIDE_PX).out


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_folder_is_as_lerobot_documents_it(folder):
    """By its documentation, not by our reader: lerobot-dataset-v3 in LeRobot's docs."""
    info = json.loads((folder / "meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0"
    assert (info["total_episodes"], info["total_tasks"], info["fps"]) == (3, 1, 25)
    assert info["splits"] == {"train": "0:3"}
    episodes = pq.read_table(folder / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    total = 0
    for index, episode in enumerate(episodes):
        place = {name: episode[f"data/{name}"] for name in ("chunk_index", "file_index")}
        table = pq.read_table(folder / info["data_path"].format(**place))
        assert set(table.column_names) == set(info["features"])
        length = episode["length"]
        assert len(table) == length
        assert episode["dataset_from_index"] == total
        total += length
        assert episode["dataset_to_index"] == total
        assert table["episode_index"].to_pylist() == [index] * length
        assert table["frame_index"].to_pylist() == [*range(length)]
        assert table["index"].to_pylist() == [*range(total - length, total)]
        assert table["timestamp"].to_pylist() == pytest.approx([i / 25 for i in range(length)])
        for name, feature in info["features"].items():
            if feature["dtype"] == "image":
                decoded = Image.open(io.BytesIO(table[name][0]["bytes"].as_py()))
                assert [*np.asarray(decoded).shape] == feature["shape"]
            elif feature["names"] is not None:
                assert len(feature["names"]) == feature["shape"][0] == len(table[name][0])
    assert total == info["total_frames"]
    stats = json.loads((folder / "meta/stats.json").read_text())
    for name, feature in info["features"].items():
        if feature["names"] is not None:
            shape = (3, 1, 1) if feature["dtype"] == "image" else tuple(feature["shape"])
            assert {np.shape(stats[name][key]) for key in ("min", "max", "mean", "std")} == {shape}


def test_the_tasks_are_as_lerobot_reads_them(folder):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    tasks = pandas.read_parquet(folder / "meta/tasks.parquet")
    assert tasks.loc["Lift the red cube."].task_index == 0


def test_the_library_of_lerobot_reads_the_frames(folder, tmp_path):
    """LeRobot reads with `datasets`, and with the features that it makes of `info.json`."""
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    info = json.loads((folder / "meta/info.json").read_text())
    kinds = {}
    for name, feature in info["features"].items():
        value = datasets.Value(feature["dtype"]) if feature["dtype"] != "image" else None
        if value is None:
            kinds[name] = datasets.Image()
        elif feature["shape"] == [1]:
            kinds[name] = value
        else:
            kinds[name] = datasets.Sequence(value, length=feature["shape"][0])
    names = sorted(str(path) for path in folder.glob("data/*/*.parquet"))
    table = datasets.Dataset.from_parquet(
        names, features=datasets.Features(kinds), cache_dir=str(tmp_path)
    )
    shown = read_lerobot(folder).demonstrations
    assert len(table) == len(shown)
    np.testing.assert_array_equal(table[5]["observation.images.front"], shown.read(5))
    np.testing.assert_array_equal(table[5]["action"], shown.actions[5])


def test_what_is_read_is_what_was_done(folder, drawn):
    recording = read_lerobot(folder)
    shown = recording.demonstrations
    assert SceneSettings.from_json(recording.scene) == SMALL
    assert (shown.num_episodes, recording.fps) == (3, 25.0)
    done = demonstrate(drawn, 0)
    first = shown.take_episodes(np.array([0]))
    np.testing.assert_array_equal(first.states, done.states)
    np.testing.assert_array_equal(first.actions, done.actions)
    np.testing.assert_array_equal(first.privileged, done.privileged)
    assert first.read(0).size == (SIDE_PX, SIDE_PX)


def test_a_killed_recording_goes_on_to_the_same_bytes(folder, tmp_path, drawn):
    class KilledError(Exception):
        pass

    def kill(step, done, total, unit, *, note=""):
        if done == 2:
            raise KilledError

    arguments = {"scene": SMALL, "side_px": SIDE_PX}
    with pytest.raises(KilledError):
        record(tmp_path / "again", 3, **arguments, progress=kill)
    assert not (tmp_path / "again/meta/info.json").exists()
    kept = (tmp_path / "again/data/chunk-000/file-001.parquet").stat().st_mtime_ns
    told = []
    record(tmp_path / "again", 3, **arguments, progress=lambda *of, note="": told.append(of))
    assert told == [("recording", 2, 3, "episodes"), ("recording", 3, 3, "episodes")]
    assert (tmp_path / "again/data/chunk-000/file-001.parquet").stat().st_mtime_ns == kept
    assert files(tmp_path / "again") == files(folder)


def test_a_finished_recording_is_not_made_again(folder, monkeypatch):
    monkeypatch.setattr("polyscale.robot.demonstrations.recording.PickingScene", None)
    again = record(folder, 3, scene=SMALL, side_px=SIDE_PX)
    assert (again.num_episodes, again.num_failed) == (3, 0)
    assert again.num_frames == len(read_lerobot(folder).demonstrations)


def test_a_recording_that_was_killed_before_its_statistics_goes_on(folder, tmp_path):
    again = shutil.copytree(folder, tmp_path / "again")
    (again / "meta/stats.json").unlink()
    record(again, 3, scene=SMALL, side_px=SIDE_PX)
    assert files(again) == files(folder)


def test_a_finished_recording_needs_no_room(folder, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    assert record(folder, 3, scene=SMALL, side_px=SIDE_PX).num_episodes == 3


def test_room_is_asked_for_what_is_recorded(tmp_path, monkeypatch):
    """Not for all the actions that a scene allows: the expert needs far fewer."""
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    with pytest.raises(RunError, match=r"needs 0\.2 GB, but only 0\.0 GB are free"):
        record(tmp_path / "out", scene=SceneSettings(horizon=10_000))


@pytest.mark.parametrize("spoil", ["cut off", "of another program"])
def test_a_damaged_episode_is_named(folder, tmp_path, spoil):
    again = shutil.copytree(folder, tmp_path / "again")
    file = again / "data/chunk-000/file-001.parquet"
    if spoil == "cut off":
        file.write_bytes(file.read_bytes()[:100])
    else:
        pq.write_table(pq.read_table(file).replace_schema_metadata(None), file)
    with pytest.raises(InputError, match=r"but '.*file-001.parquet' is none .*Delete this file"):
        record(again, 3, scene=SMALL, side_px=SIDE_PX)
    file.unlink()
    record(again, 3, scene=SMALL, side_px=SIDE_PX)
    assert files(again) == files(folder)


def test_scenes_in_which_the_expert_fails_are_left_out(tmp_path, drawn, monkeypatch):
    def fail_first(scene, seed):
        return None if seed == SCENES_PER_RECORDING else demonstrate(scene, seed)

    monkeypatch.setattr("polyscale.robot.demonstrations.recording.demonstrate", fail_first)
    made = record(tmp_path / "out", 2, seed=1, scene=SMALL, side_px=SIDE_PX)
    assert (made.num_episodes, made.num_failed) == (2, 1)
    episodes = pq.read_table(made.out / "meta/episodes/chunk-000/file-000.parquet")
    assert episodes["seed"].to_pylist() == [SCENES_PER_RECORDING + 1, SCENES_PER_RECORDING + 2]
    again = record(tmp_path / "out", 2, seed=1, scene=SMALL, side_px=SIDE_PX)
    assert again.num_failed == 1


def test_an_expert_that_always_fails_is_an_error(tmp_path, drawn):
    with pytest.raises(RunError, match="the expert failed in 20 consecutive scenes, from seed 0"):
        record(tmp_path / "out", 2, scene=SceneSettings(horizon=2), side_px=16)


@pytest.mark.parametrize(
    ("name", "value"),
    [("episodes", 0), ("episodes", 1.5), ("seed", -1), ("seed", 10**6), ("side_px", 4)],
)
def test_arguments_that_break_a_rule(tmp_path, name, value):
    with pytest.raises(InputError, match=f"^{name} must be a whole number from .* but got {value}"):
        record(tmp_path / "out", **{name: value})


def test_another_recording_in_the_folder_is_refused(tmp_path):
    (tmp_path / "meta").mkdir()
    facts = {
        "episodes": 3,
        "seed": 0,
        "side_px": 448,
        "scene": SceneSettings(horizon=9).to_json(),
        "simulator": simulator_versions(),
    }
    (tmp_path / "meta/polyscale.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match="of this recording.*horizon is 9 there and 50 here. Ch"):
        record(tmp_path, 3)
    (tmp_path / "meta/polyscale.json").rename(tmp_path / "meta/other.json")
    with pytest.raises(InputError, match="one of a recording, but .* holds other files"):
        record(tmp_path, 3)
