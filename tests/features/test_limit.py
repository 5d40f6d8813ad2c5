import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from polyscale.errors import InputError
from polyscale.features import FeatureStore, parse_bytes
from polyscale.features.limit import evict

ROWS = np.zeros((10, 25), np.float32)  # 1000 bytes, and a header


def key(name):
    return FeatureStore.key({"name": name})


def keys(folder):
    return {path.name for path in folder.iterdir()}


def fill(folder, *names):
    for age, name in enumerate(reversed(names)):
        FeatureStore(folder).write(key(name), 0, 10, ROWS)
        os.utime(folder / key(name), (1000 - age, 1000 - age))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("20GB", 20 * 10**9), ("1.5 mb", 1_500_000), ("300", 300), ("7B", 7), ("2TB", 2 * 10**12)],
)
def test_sizes(text, expected):
    assert parse_bytes(text, name="size") == expected


@pytest.mark.parametrize(
    "text",
    ["", "GB", "-1GB", "0", "0.1", "1PB", "1e9", "1GB1", "1e400GB", "9" * 20 + "TB", "9" * 400],
)
def test_no_sizes(text):
    with pytest.raises(InputError, match="^--memory must be a size such as 20GB.*9223372TB"):
        parse_bytes(text, name="--memory")


def test_the_largest_size():
    assert parse_bytes("9223372TB", name="--memory") <= 2**63 - 1
    with pytest.raises(InputError):
        parse_bytes("9223373TB", name="--memory")


def test_the_longest_unused_goes_first(tmp_path):
    fill(tmp_path, "a", "b", "c")
    size = sum(f.stat().st_size for f in tmp_path.rglob("*.rows")) // 3
    store = FeatureStore(tmp_path, limit_bytes=3 * size)
    assert store.read(key("a"), 0, 10, (25,)) is not None  # used just now
    store.write(key("d"), 0, 10, ROWS)
    assert keys(tmp_path) == {key("a"), key("c"), key("d")}


def test_what_the_store_was_asked_for_stays(tmp_path):
    fill(tmp_path, "a", "b")
    store = FeatureStore(tmp_path, limit_bytes=1)
    store.read(key("a"), 0, 10, (25,))
    for number in range(5):
        store.write(key("new"), 10 * number, 10 * number + 10, ROWS)
    assert keys(tmp_path) == {key("a"), key("new")}


def test_other_files_are_never_deleted(tmp_path):
    fill(tmp_path, "a")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(b"x" * 10_000)
    (tmp_path / "notes.txt").write_text("x")
    evict(tmp_path, 1, set())
    assert keys(tmp_path) == {"photos", "notes.txt"}


def test_leftovers_of_a_killed_run_go(tmp_path):
    fill(tmp_path, "a")
    (tmp_path / ".leaving-1").mkdir()
    (tmp_path / key("a") / "x.partial").write_bytes(b"half")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.partial").write_bytes(b"of someone else")
    assert FeatureStore(tmp_path).read(key("b"), 0, 10, (25,)) is None
    assert keys(tmp_path) == {key("a"), "notes"}
    assert keys(tmp_path / key("a")) == {"00000000-00000010.rows"}
    assert keys(tmp_path / "notes") == {"mine.partial"}


def test_a_folder_that_goes_while_a_file_is_written(tmp_path, monkeypatch):
    """Another run evicts the key between making its folder and filling the file."""
    replace, left = os.replace, [2]

    def replace_late(partial, file):
        if left[0]:
            left[0] -= 1
            shutil.rmtree(tmp_path / key("a"))
        replace(partial, file)

    monkeypatch.setattr(os, "replace", replace_late)
    store = FeatureStore(tmp_path)
    store.write(key("a"), 0, 10, ROWS)
    assert store.read(key("a"), 0, 10, (25,)) is not None


def test_runs_that_make_room_at_the_expense_of_each_other(tmp_path):
    def run(number):
        store = FeatureStore(tmp_path, limit_bytes=3000)
        for i in range(40):
            rows = np.full((10, 25), number, np.float32)
            store.write(key((number, i % 7)), 10 * i, 10 * i + 10, rows)
            found = store.read(key((number, i % 7)), 10 * i, 10 * i + 10, (25,))
            assert found is None or (found == number).all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
