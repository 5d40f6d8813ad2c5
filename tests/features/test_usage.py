import os
import time

import numpy as np

from polyscale.features import FeatureStore, clear, list_kept


def fill(folder, number, about, unused_days=0):
    store = FeatureStore(folder)
    key = store.key({"number": number})
    store.write(key, 0, 4, np.zeros((4, 100), np.float32))
    if about:
        store.describe(key, about)
    then = time.time() - unused_days * 24 * 3600
    os.utime(folder / key, (then, then))
    return folder / key


def test_what_is_kept_is_listed_and_deleted(tmp_path):
    old = fill(tmp_path, 1, "tiny at scale 2, 4 images", unused_days=40)
    new = fill(tmp_path, 2, "")
    (tmp_path / "own.txt").write_text("not ours")
    kept = list_kept(tmp_path)
    assert [(one.folder, one.about) for one in kept] == [
        (new, ""),
        (old, "tiny at scale 2, 4 images"),
    ]
    assert [round(one.unused_days) for one in kept] == [0, 40]
    assert all(one.num_bytes > 1600 for one in kept)
    clear(kept[1:])
    assert [one.folder for one in list_kept(tmp_path)] == [new]
    clear(kept)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "own.txt"]


def test_files_in_folders_of_a_key_count(tmp_path):
    folder = fill(tmp_path, 1, "")
    (before,) = list_kept(tmp_path)
    (folder / "films").mkdir()
    (folder / "films/0.webp").write_bytes(bytes(10_000))
    (after,) = list_kept(tmp_path)
    assert after.num_bytes >= before.num_bytes + 10_000


def test_nothing_is_kept_where_there_is_no_cache(tmp_path):
    assert list_kept(tmp_path / "none") == []


def test_a_description_stays_as_it_was(tmp_path):
    folder = fill(tmp_path, 1, "first")
    FeatureStore(tmp_path).describe(folder.name, "second")
    assert [one.about for one in list_kept(tmp_path)] == ["first"]
