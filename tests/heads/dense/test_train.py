import os
import signal
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from polyscale.errors import InputError, RunError
from polyscale.features import FeatureStore, JoinedMaps, StoredMaps
from polyscale.heads.dense import train
from polyscale.heads.dense.batches import cached_batches
from polyscale.heads.dense.train import train_head


def trained(toy, settings=None, **options):
    head, settings = toy.head(), settings or toy.SETTINGS
    report = train_head(head, toy.batches(settings), settings, **options)
    return head, report


def assert_same(first, second):
    first, second = first.state_dict(), second.state_dict()
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


@pytest.fixture(scope="module")
def unbroken(toy):
    return trained(toy)


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
def test_the_toy_is_learned(toy, dtype):
    settings = replace(toy.SETTINGS, steps=150, learning_rate=0.05)
    head, report = trained(toy, settings, dtype=dtype)
    maps, target = toy.batches(replace(settings, batch=10))(0)
    right = head.scores(maps, (12, 12)).argmax(1) == target
    assert right[target >= 0].float().mean() > 0.9
    assert not head.training
    assert report.steps == len(report.losses) == 150
    assert report.losses[0] > 0.9
    assert report.final_loss < 0.4
    assert all(p.dtype == torch.float32 for p in head.parameters())


def test_the_same_seed_gives_the_same_head(toy, unbroken):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    other, _ = trained(toy, replace(toy.SETTINGS, seed=1))  # its own weights are those of seed 0
    assert not torch.equal(other.classify.weight, unbroken[0].classify.weight)
    head = toy.head()
    torch.manual_seed(5)
    report = train_head(head, toy.batches(), toy.SETTINGS)
    assert torch.equal(torch.rand(3), expected)  # the caller's generator is left alone
    assert_same(head, unbroken[0])
    assert report.losses == unbroken[1].losses


@pytest.mark.parametrize("cut", range(1, 24))
def test_a_training_that_stops_anywhere_ends_the_same(toy, tmp_path, unbroken, cut):
    def until(step):
        if step == cut:
            raise InputError("stop")
        return toy.batches()(step)

    file = tmp_path / "checkpoint"
    with pytest.raises(InputError, match="stop"):
        train_head(toy.head(), until, toy.SETTINGS, checkpoint=file)
    reached = cut // 5 * 5
    head = toy.head(seed=3 if reached else 0)  # the weights come from the checkpoint
    report = train_head(head, toy.batches(), toy.SETTINGS, checkpoint=file)
    assert report.resumed_from == reached
    assert_same(head, unbroken[0])
    assert (report.losses, report.final_loss) == (unbroken[1].losses, unbroken[1].final_loss)
    again = toy.head(seed=4)
    assert train_head(again, toy.batches(), toy.SETTINGS, checkpoint=file).resumed_from == 24
    assert_same(again, unbroken[0])


def test_a_checkpoint_is_never_old(toy, tmp_path, unbroken, monkeypatch):
    """Where steps are slow, fewer of them may be lost."""
    monkeypatch.setattr(train, "KEEP_EVERY_S", 0.0)

    def until(step):
        if step == 4:
            raise InputError("stop")
        return toy.batches()(step)

    file = tmp_path / "checkpoint"
    with pytest.raises(InputError, match="stop"):
        train_head(toy.head(), until, toy.SETTINGS, checkpoint=file)
    head = toy.head(seed=3)
    assert train_head(head, toy.batches(), toy.SETTINGS, checkpoint=file).resumed_from == 4
    assert_same(head, unbroken[0])


def test_a_training_that_is_killed_ends_the_same(toy, tmp_path, unbroken):
    file = tmp_path / "checkpoint"
    code = f"import pathlib, toy; toy.train_slowly(pathlib.Path({str(file)!r}))"
    source = Path(train_head.__code__.co_filename).parents[3]
    run = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": f"{source}:{Path(__file__).parent}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    last = int(np.random.default_rng().integers(1, 24))
    with run, run.stdout:
        for line in run.stdout:
            if int(line) >= last:
                break
        os.kill(run.pid, signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL
    head, report = trained(toy, checkpoint=file)
    assert report.resumed_from <= last, last
    assert_same(head, unbroken[0])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"settings": {"learning_rate": 0.5}}, "learning_rate is 0.02 there and 0.5 here"),
        ({"dtype": "bf16"}, "dtype is 'fp32' there and 'bf16' here"),
        ({"fingerprint": "b"}, "fingerprint of features and targets is 'a' there and 'b' here"),
        ({"dropout": 0.5}, "head dropout is 0.2 there and 0.5 here"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(toy, tmp_path, change, told):
    file = tmp_path / "checkpoint"
    trained(toy, checkpoint=file, fingerprint="a")
    head = toy.ToyHead(in_channels=5, num_classes=3, dropout=change.get("dropout", 0.2))
    settings = replace(toy.SETTINGS, **change.get("settings", {}))
    options = {"fingerprint": "a"} | {
        k: v for k, v in change.items() if k in ("dtype", "fingerprint")
    }
    with pytest.raises(InputError, match=f"same training.*{told}. Delete it"):
        train_head(head, toy.batches(), settings, checkpoint=file, **options)
    # how often it is kept changes no result
    often = replace(toy.SETTINGS, checkpoint_every=1)
    assert trained(toy, often, checkpoint=file, fingerprint="a")[1].resumed_from == 24


@pytest.mark.parametrize("content", [b"", b"garbage" * 9, None], ids=["empty", "garbage", "cut"])
def test_a_damaged_checkpoint_is_refused(toy, tmp_path, content):
    file = tmp_path / "checkpoint"
    trained(toy, checkpoint=file)
    file.write_bytes(file.read_bytes()[:-1] if content is None else content)
    with pytest.raises(InputError, match="is none or is damaged. Delete it"):
        trained(toy, checkpoint=file)


def test_a_disk_that_refuses(toy, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="checkpoint cannot be written"):
        trained(toy, checkpoint=tmp_path / "file" / "checkpoint")


def test_a_loss_that_is_not_finite_names_the_step(toy, tmp_path):
    def batches(step):
        maps, target = toy.batches()(step)
        return (maps * float("nan") if step == 12 else maps), target

    file = tmp_path / "checkpoint"
    with pytest.raises(RunError, match="large: the loss is nan at step 13 of 24. Lower"):
        train_head(toy.head(), batches, toy.SETTINGS, checkpoint=file, step="large")
    # what was good is kept
    assert trained(toy, checkpoint=file)[1].resumed_from == 10


def test_progress_shows_the_loss(toy):
    told = []
    trained(toy, progress=lambda *args, note="": told.append((*args, note)), step="linear, 1×")
    assert {(step, total, unit) for step, _, total, unit, _ in told} == {
        ("linear, 1×", 24, "steps")
    }
    assert (told[0][1], told[-1][1]) == (0, 24)
    assert all(note.startswith(("loss 0.", "loss 1.")) for *_, note in told[1:])


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
    assert_same(*heads)
