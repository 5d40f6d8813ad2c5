import os

import numpy as np
import pytest

from polyscale.errors import RunError
from polyscale.store import FeatureStore

ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_written_rows_are_read_back(tmp_path):
    store = FeatureStore(tmp_path / "cache")
    assert store.read("k", 0, 2, (3,)) is None
    store.write("k", 0, 2, ROWS)
    np.testing.assert_array_equal(store.read("k", 0, 2, (3,)), ROWS)
    assert store.read("k", 2, 4, (3,)) is None


def not_a_number():
    return np.full((2, 3), np.nan, np.float32)


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage", b"\0" * 500, ROWS[:1], ROWS[:, :2], ROWS.astype(np.float64), not_a_number()],
    ids=["empty", "garbage", "zeros", "a row short", "a column short", "float64", "nan"],
)
def test_a_damaged_file_is_as_if_it_were_not_there(tmp_path, content):
    store = FeatureStore(tmp_path)
    store.write("k", 0, 2, ROWS)
    (file,) = (tmp_path / "k").iterdir()
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        np.save(file, content)
    assert store.read("k", 0, 2, (3,)) is None
    assert not file.exists()
    store.write("k", 0, 2, ROWS)
    assert store.read("k", 0, 2, (3,)) is not None


def test_a_cut_file_is_as_if_it_were_not_there(tmp_path):
    store = FeatureStore(tmp_path)
    store.write("k", 0, 2, ROWS)
    (file,) = (tmp_path / "k").iterdir()
    file.write_bytes(file.read_bytes()[:-4])
    assert store.read("k", 0, 2, (3,)) is None


def test_key_depends_on_every_fact():
    facts = {"backbone": "a", "scale": 1, "size": (2, 3)}
    assert FeatureStore.key(facts) == FeatureStore.key(dict(reversed(facts.items())))
    for name in facts:
        assert FeatureStore.key(facts | {name: "other"}) != FeatureStore.key(facts)


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), OSError("8 requested and 0 written")],
)
def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch, error):
    def full(*args):
        raise error

    store = FeatureStore(tmp_path)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RunError, match=rf"{error.strerror or error}\).*--cache"):
        store.write("k", 0, 1, np.zeros((1, 2), np.float32))
    assert list((tmp_path / "k").iterdir()) == []
    assert store.read("k", 0, 1, (2,)) is None


def test_pickles_are_not_read(tmp_path):
    store = FeatureStore(tmp_path)
    (tmp_path / "k").mkdir()
    file = tmp_path / "k" / "00000000-00000001.npy"
    np.save(file, np.array([{}]), allow_pickle=True)
    assert store.read("k", 0, 1, (1,)) is None
