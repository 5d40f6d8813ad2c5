import os

import numpy as np
import pytest

from polyscale.errors import RunError
from polyscale.store import FeatureStore


def test_written_rows_are_read_back(tmp_path):
    store, rows = FeatureStore(tmp_path / "cache"), np.arange(6, dtype=np.float32).reshape(2, 3)
    assert not store.has("k", 0, 2)
    store.write("k", 0, 2, rows)
    assert store.has("k", 0, 2)
    assert not store.has("k", 2, 4)
    np.testing.assert_array_equal(store.read("k", 0, 2), rows)


def test_key_depends_on_every_fact():
    facts = {"backbone": "a", "scale": 1, "size": (2, 3)}
    assert FeatureStore.key(facts) == FeatureStore.key(dict(reversed(facts.items())))
    for name in facts:
        assert FeatureStore.key(facts | {name: "other"}) != FeatureStore.key(facts)


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    store = FeatureStore(tmp_path)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RunError, match="No space left on device.*--cache"):
        store.write("k", 0, 1, np.zeros((1, 2), np.float32))
    assert list((tmp_path / "k").iterdir()) == []
    assert not store.has("k", 0, 1)


def test_pickles_are_refused(tmp_path):
    store = FeatureStore(tmp_path)
    (tmp_path / "k").mkdir()
    np.save(tmp_path / "k" / "00000000-00000001.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        store.read("k", 0, 1)
