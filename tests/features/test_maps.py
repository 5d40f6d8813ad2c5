import tracemalloc

import numpy as np
import pytest

from polyscale.errors import InputError
from polyscale.features import (
    ArrayMaps,
    FeatureStore,
    JoinedMaps,
    LostFeaturesError,
    StackedMaps,
    StoredMaps,
)
from polyscale.learning.heads.dense import Maps

SHAPE = (4, 5, 6)
SHARDS = [range(8), range(8, 16), range(16, 19)]


@pytest.fixture
def array():
    return np.random.default_rng(0).normal(size=(19, *SHAPE)).astype(np.float16)


@pytest.fixture
def store(tmp_path, array):
    store = FeatureStore(tmp_path)
    for key, values in (("a", array), ("b", -2 * array)):
        for shard in SHARDS:
            store.write(key, shard.start, shard.stop, values[shard.start : shard.stop])
    return store


@pytest.mark.parametrize("memory_bytes", [0, 10**9])
@pytest.mark.parametrize("indices", [[], [3], [18, 0, 8, 7, 0], list(range(19))])
def test_taken_is_indexed(store, array, memory_bytes, indices):
    indices = np.array(indices, np.int64)
    one = StoredMaps(store, "a", SHARDS, SHAPE)
    two = StoredMaps(store, "b", SHARDS, SHAPE)
    joined: Maps = JoinedMaps([one, two], memory_bytes=memory_bytes)
    assert one.shape == array.shape
    assert joined.shape == (19, 4, 5, 12)
    assert len(one) == len(joined) == 19
    assert one.take(indices).dtype == joined.take(indices).dtype == np.float16
    np.testing.assert_array_equal(one.take(indices), array[indices])
    expected = np.concatenate([array, -2 * array], axis=-1)[indices]
    np.testing.assert_array_equal(joined.take(indices), expected)


def test_what_is_kept_is_not_read_again(store, tmp_path, array):
    maps = JoinedMaps([StoredMaps(store, "a", SHARDS, SHAPE)], memory_bytes=array.nbytes)
    for file in tmp_path.rglob("*.rows"):
        file.unlink()
    np.testing.assert_array_equal(maps.take(np.arange(19)), array)


@pytest.mark.parametrize("index", [-1, 19])
def test_images_that_are_not_there(store, array, index):
    for maps in (StoredMaps(store, "a", SHARDS, SHAPE), ArrayMaps(array)):
        with pytest.raises(IndexError, match="from 0 to 18"):
            maps.take(np.array([0, index]))


def test_only_the_rows_asked_for_are_loaded(tmp_path):
    store = FeatureStore(tmp_path)
    store.write("big", 0, 64, np.ones((64, 32, 32, 64), np.float16))  # 8 MiB
    stored = StoredMaps(store, "big", [range(64)], (32, 32, 64))
    maps = JoinedMaps([stored], memory_bytes=8 * 2**20 - 1)
    maps.take(np.array([0]))
    tracemalloc.start()
    for start in range(0, 64, 4):
        taken = maps.take(np.arange(start, start + 4))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.5 * taken.nbytes  # the last batch and the new one


@pytest.mark.parametrize("damage", ["cut", "gone", "float32", "a channel short", "nan", "a bit"])
def test_a_file_that_is_damaged_while_in_use(store, tmp_path, array, damage):
    maps = StoredMaps(store, "a", SHARDS, SHAPE)
    file = tmp_path / "a" / "00000008-00000016.rows"
    content = bytearray(file.read_bytes())
    if damage == "cut":
        file.write_bytes(content[:-1])
    elif damage == "gone":
        file.unlink()
    elif damage == "a bit":
        content[-8 * 4 - 1] ^= 4  # of the last row, behind which there are 8 checksums
        file.write_bytes(content)
    else:
        other = {
            "float32": array[8:16].astype(np.float32),
            "a channel short": array[8:16, ..., 1:],
            "nan": np.full_like(array[8:16], np.nan),
        }
        with file.open("wb") as opened:
            np.save(opened, other[damage])
    maps.take(np.array([0, 18]))
    with pytest.raises(LostFeaturesError, match="gone or damaged.*Run the same again"):
        maps.take(np.array([0, 15, 18]))
    assert not file.exists()
    assert not store.has("a", 8, 16, SHAPE, np.float16)
    assert store.has("a", 0, 8, SHAPE, np.float16)


def test_columns_first_are_kept_as_rows(tmp_path, array):
    store = FeatureStore(tmp_path)
    store.write("k", 0, 19, np.asfortranarray(array))
    maps = StoredMaps(store, "k", [range(19)], SHAPE)
    np.testing.assert_array_equal(maps.take(np.array([3])), array[[3]])


@pytest.mark.parametrize("indices", [[0, 5, 2, 5, 1], [4, 3], [0], []])
def test_maps_of_others_follow_the_first(array, indices):
    stacked = StackedMaps(ArrayMaps(array[:3]), ArrayMaps(array[3:]))
    assert stacked.shape == array.shape
    chosen = np.array(indices, np.int64)
    taken = stacked.take(chosen)
    assert taken.dtype == array.dtype
    np.testing.assert_array_equal(taken, array[chosen])


def test_scales_that_do_not_fit_together(array):
    with pytest.raises(InputError, match="same grid, but got .*19×4×5, 19×4×4"):
        JoinedMaps([ArrayMaps(array), ArrayMaps(array[:, :, :4])])
