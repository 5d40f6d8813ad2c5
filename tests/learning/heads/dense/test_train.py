import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch

from polyscale.errors import InputError
from polyscale.features import FeatureStore, JoinedMaps, StoredMaps
from polyscale.learning.heads.dense.train import cached_batches, train_head
from polyscale.learning.training import TrainContext, batch_indices


def test_maps_and_targets_stay_together(toy):
    maps, targets = toy.problem()
    batches = cached_batches(maps, targets, batch=4, seed=3)
    found, target = batches(7)
    assert found.shape == (4, 5, 6, 6)
    assert found.dtype == torch.float32
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert target.dtype == torch.int64
    chosen = batch_indices(7, num_examples=10, batch=4, seed=3)
    np.testing.assert_array_equal(found.permute(0, 2, 3, 1), maps.take(chosen))
    np.testing.assert_array_equal(target, targets.take(chosen))
    torch.testing.assert_close(batches(7)[0], found, rtol=0, atol=0)


def test_depth_stays_as_it_is(toy):
    depth = np.full((10, 3, 3), np.nan, np.float32)
    batches = cached_batches(toy.problem()[0], toy.ArrayTargets(depth), batch=2, seed=0)
    assert batches(0)[1].dtype == torch.float32
    assert batches(0)[1].isnan().all()


def test_targets_of_other_images(toy):
    maps, targets = toy.problem()
    with pytest.raises(InputError, match="targets must be as many as maps.*got 9 and 10"):
        cached_batches(maps, toy.ArrayTargets(targets.array[:9]), batch=2, seed=0)


def test_the_toy_is_learned(toy):
    settings = replace(toy.SETTINGS, steps=150, learning_rate=0.05)
    head = toy.head()
    report = train_head(head, toy.batches(settings), settings, TrainContext(dtype="bf16"))
    maps, target = toy.batches(replace(settings, batch=10))(0)
    right = head.scores(maps, (12, 12)).argmax(1) == target
    assert right[target >= 0].float().mean() > 0.9
    assert not head.training
    assert report.steps == len(report.losses) == 150
    assert report.losses[0] > 0.9
    assert report.final_loss < 0.4
    assert all(p.dtype == torch.float32 for p in head.parameters())


def test_memory_stays_within_its_bound(toy, tmp_path):
    """4 MiB of features in two scales, 1 MiB of memory."""
    bound, side, channels, num = 2**20, 16, 64, 64
    store = FeatureStore(tmp_path)
    shards = [range(i, i + 16) for i in range(0, num, 16)]
    generator = np.random.default_rng(0)
    for key in ("1x", "2x"):
        for shard in shards:
            maps = generator.normal(size=(16, side, side, channels)).astype(np.float16)
            store.write(key, shard.start, shard.stop, maps)
    targets = toy.ArrayTargets(generator.integers(0, 3, (num, side, side)).astype(np.int16))

    def train(memory_bytes):
        scales = [StoredMaps(store, key, shards, (side, side, channels)) for key in ("1x", "2x")]
        joined = JoinedMaps(scales, memory_bytes=memory_bytes)
        head = toy.head(channels=2 * channels)
        batches = cached_batches(joined, targets, batch=4, seed=0)
        train_head(head, batches, toy.SETTINGS)
        return head

    batch_bytes = 4 * side * side * 2 * channels * 2
    peaks, heads = [], []
    for memory_bytes in (bound, 2**30):
        tracemalloc.start()
        heads.append(train(memory_bytes))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # the scales of the batch to come and the two joined; torch's own float32 are not counted
    assert peaks[0] < bound + batch_bytes
    assert peaks[1] > 4 * bound
    one, other = (head.state_dict() for head in heads)
    assert all(torch.equal(one[name], other[name]) for name in one)
