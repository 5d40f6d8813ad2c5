"""Reading; the files are made here, by what LeRobot documents of its layout."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from polyscale.data.lerobot import read_lerobot
from polyscale.errors import InputError

FRONT, WRIST = "observation.images.front", "observation.images.wrist"

LENGTHS = (3, 2, 4)
"""Frames of the episodes; the first two are in one file."""


def png(value):
    buffer = io.BytesIO()
    Image.new("RGB", (6, 4), (value, 0, 0)).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": f"frame-{value:06d}.png"}


def table(first, episode, length):
    frames = np.arange(length)
    states = (frames[:, None] + [0, 100 * episode]).astype(np.float32)
    return pa.table(
        {
            FRONT: [png(first + i) for i in range(length)],
            WRIST: [png(200 + first + i) for i in range(length)],
            "observation.state": states.tolist(),
            "action": pa.array((-states).tolist(), pa.list_(pa.float32(), 2)),
            "timestamp": (frames / 10).astype(np.float32),
            "frame_index": frames,
            "episode_index": np.full(length, episode),
            "index": first + frames,
            "task_index": np.zeros(length, np.int64),
        }
    )


INFO = {
    "codebase_version": "v3.0",
    "robot_type": "so100_follower",
    "total_episodes": 3,
    "total_frames": 9,
    "fps": 10,
    "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
    "video_path": None,
    "features": {
        FRONT: {"dtype": "image", "shape": [4, 6, 3], "names": ["height", "width", "channels"]},
        WRIST: {"dtype": "image", "shape": [4, 6, 3], "names": ["height", "width", "channels"]},
        "observation.state": {"dtype": "float32", "shape": [2], "names": ["a", "b"]},
        "action": {"dtype": "float32", "shape": [2], "names": ["a", "b"]},
        "episode_index": {"dtype": "int64", "shape": [1], "names": None},
    },
}


def write_info(folder, **changes):
    (folder / "meta").mkdir(exist_ok=True)
    (folder / "meta/info.json").write_text(json.dumps({**INFO, **changes}))


@pytest.fixture
def folder(tmp_path):
    write_info(tmp_path)
    (tmp_path / "data/chunk-000").mkdir(parents=True)
    starts = np.cumsum([0, *LENGTHS])
    parts = [table(int(starts[i]), i, length) for i, length in enumerate(LENGTHS)]
    for index, members in enumerate((parts[:2], parts[2:])):
        file = tmp_path / f"data/chunk-000/file-{index:03d}.parquet"
        with pq.ParquetWriter(file, parts[0].schema) as writer:
            for part in members:
                writer.write_table(part)
    return tmp_path


def test_frames_states_and_actions_belong_together(folder):
    recording = read_lerobot(folder, camera="front")
    shown = recording.demonstrations
    assert (len(shown), shown.num_episodes, recording.fps) == (9, 3, 10.0)
    assert recording.scene is shown.privileged is None
    assert shown.ids[3] == "episode-000001/frame-000000"
    assert shown.episode_of.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 2]
    assert shown.states.dtype == shown.actions.dtype == np.float32
    assert shown.states[:, 0].tolist() == [0, 1, 2, 0, 1, 0, 1, 2, 3]
    np.testing.assert_array_equal(shown.states[:, 1] // 100, shown.episode_of)
    np.testing.assert_array_equal(shown.actions, -shown.states)
    # backwards, so that each row group is left and found again
    assert [shown.read(i).getpixel((0, 0))[0] for i in reversed(range(9))] == [*reversed(range(9))]


def test_another_camera_gives_other_pictures_and_another_fingerprint(folder):
    front, wrist = (read_lerobot(folder, camera=name).demonstrations for name in (FRONT, "wrist"))
    assert wrist.read(8).getpixel((0, 0)) == (208, 0, 0)
    assert front.fingerprint != wrist.fingerprint
    assert front.target_fingerprint == wrist.target_fingerprint


def test_the_fingerprint_is_kept_until_a_file_changes(folder, tmp_path):
    first = read_lerobot(folder, camera="front", cache=tmp_path / "cache").demonstrations
    again = read_lerobot(folder, camera="front", cache=tmp_path / "cache").demonstrations
    assert first.fingerprint == again.fingerprint
    file = folder / "data/chunk-000/file-001.parquet"
    changed = pq.read_table(file)
    column = changed.column_names.index(FRONT)
    pq.write_table(changed.set_column(column, FRONT, [[png(99)] * 4]), file)
    other = read_lerobot(folder, camera="front", cache=tmp_path / "cache").demonstrations
    assert other.fingerprint != first.fingerprint


def test_one_number_a_frame_may_be_a_scalar(folder):
    file = folder / "data/chunk-000/file-000.parquet"
    whole = pa.concat_tables([pq.read_table(file)])
    column = whole.column_names.index("action")
    pq.write_table(whole.set_column(column, "action", [np.arange(5.0)]), file)
    (folder / "data/chunk-000/file-001.parquet").unlink()
    write_info(folder, total_frames=5)
    shown = read_lerobot(folder, camera="front").demonstrations
    np.testing.assert_array_equal(shown.actions, np.arange(5)[:, None])


def features(**changes):
    return {name: kind for name, kind in {**INFO["features"], **changes}.items() if kind}


VIDEO = {"dtype": "video", "shape": [4, 6, 3], "names": None}

REFUSED = {
    "several cameras": ({}, None, "option camera of data must name one of .*front.*wrist"),
    "no such camera": ({}, "top", "option camera of data must be one of .* but got 'top'"),
    "videos": (
        {"features": features(**{FRONT: VIDEO, WRIST: VIDEO})},
        None,
        "must hold its frames as images, but has only videos. Record it with use_videos=False",
    ),
    "no camera": ({"features": features(**{FRONT: None, WRIST: None})}, None, "no camera"),
    "no action": ({"features": features(action=None)}, "front", "must have the feature action"),
    "an older version": ({"codebase_version": "v2.1"}, "front", "version 3 .* but is v2.1"),
    "no speed": ({"fps": None}, "front", "complete LeRobot data set, but meta/info.json"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_refused(folder, case):
    changes, camera, message = REFUSED[case]
    write_info(folder, **changes)
    with pytest.raises(InputError, match=message):
        read_lerobot(folder, camera=camera)


def test_no_data_set(tmp_path):
    with pytest.raises(InputError, match="has no meta/info.json. Check the path"):
        read_lerobot(tmp_path)


def spoil(folder, name, values):
    file = folder / "data/chunk-000/file-001.parquet"
    whole = pq.read_table(file)
    pq.write_table(whole.set_column(whole.column_names.index(name), name, [values]), file)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("action", [[0.0, np.nan]] * 4, "action has values that are not finite"),
        ("action", [[0.0, 1.0]] * 2 + [None] * 2, "more numbers in one frame"),
        ("action", [[0.0], [0.0, 1.0], [1.0], [0.0]], "more numbers in one frame"),
        ("action", [[0.0]] * 4, "more numbers in one file"),
        ("action", ["left"] * 4, "action has values that are not finite"),
        (FRONT, ["left"] * 4, "file-001.parquet: .*front holds no bytes of images"),
        ("frame_index", [0, 2, 1, 3], "not in order"),
        ("episode_index", [0, 0, 0, 0], "not in order"),
        ("frame_index", [0, 2, 0, 1], "some are missing"),
    ],
)
def test_damaged_columns_are_named(folder, name, values, message):
    spoil(folder, name, values)
    with pytest.raises(InputError, match=message):
        read_lerobot(folder, camera="front")


def test_chunks_are_in_the_order_of_their_numbers(folder):
    """Also beyond a thousand, and wherever the first episode is."""
    before = read_lerobot(folder, camera="front").demonstrations
    for index, number in enumerate(("999", "1000")):
        (folder / f"data/chunk-{number}").mkdir()
        file = folder / f"data/chunk-000/file-{index:03d}.parquet"
        file.rename(folder / f"data/chunk-{number}/file-000.parquet")
    after = read_lerobot(folder, camera="front").demonstrations
    np.testing.assert_array_equal(before.actions, after.actions)


def test_damaged_files_are_named(folder):
    (folder / "data/chunk-000/file-001.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"but file-001.parquet: .*\. Write it again"):
        read_lerobot(folder, camera="front")
    for file in folder.glob("data/*/*"):
        file.unlink()
    with pytest.raises(InputError, match="there is no data/chunk-000/file-000.parquet"):
        read_lerobot(folder, camera="front")


def test_a_part_of_a_data_set_is_refused(folder):
    (folder / "data/chunk-000/file-001.parquet").unlink()
    with pytest.raises(InputError, match=r"it has 5 frames, not 9, as meta/info.json says"):
        read_lerobot(folder, camera="front")


def test_a_column_that_is_missing_is_named(folder):
    file = folder / "data/chunk-000/file-001.parquet"
    pq.write_table(pq.read_table(file).drop_columns([FRONT]), file)
    with pytest.raises(InputError, match="file-001.parquet: .*observation.images.front"):
        read_lerobot(folder, camera="front")
    assert len(read_lerobot(folder, camera="wrist").demonstrations) == 9


def test_files_without_frames(folder):
    first, second = sorted(folder.glob("data/*/*.parquet"))
    table = pq.read_table(first)
    pq.write_table(table.slice(0, 0), folder / "data/chunk-000/file-002.parquet")
    shown = read_lerobot(folder, camera="front").demonstrations
    assert [shown.read(i).getpixel((0, 0))[0] for i in range(9)] == [*range(9)]
    for file in (first, second):
        pq.write_table(table.slice(0, 0), file)
    with pytest.raises(InputError, match="but it has no frames"):
        read_lerobot(folder, camera="front")


def test_actions_without_numbers(folder):
    for file in folder.glob("data/*/*.parquet"):
        table = pq.read_table(file)
        none = pa.array([[]] * len(table), pa.list_(pa.float32()))
        column = table.column_names.index("action")
        pq.write_table(table.set_column(column, "action", none), file)
    with pytest.raises(InputError, match="action has values that are not finite"):
        read_lerobot(folder, camera="front")


def test_frames_that_are_damaged_are_named(folder):
    shown = read_lerobot(folder, camera="front").demonstrations
    file = folder / "data/chunk-000/file-001.parquet"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"episode-000002/frame-000000 cannot be read \(Parquet"):
        shown.read(5)


def test_a_frame_outside_of_the_file_is_named(folder):
    spoil(folder, FRONT, [{"bytes": None, "path": "a.png"}] * 4)
    shown = read_lerobot(folder, camera="front").demonstrations
    with pytest.raises(InputError, match="episode-000002/frame-000000 cannot be read"):
        shown.read(5)
