import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from polyscale.errors import InputError, RunError
from polyscale.learning.training import TrainContext, loop, train
from polyscale.learning.training.checkpoint import SET_ASIDE, read_checkpoint


def trained(toy, settings=None, **options):
    module, settings = toy.module(), settings or toy.SETTINGS
    report = train(module, toy.loss, toy.batches(settings), settings, TrainContext(**options))
    return module, report


def assert_same(first, second):
    first, second = first.state_dict(), second.state_dict()
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def stop_at(toy, cut):
    def until(step):
        if step == cut:
            raise InputError("stop")
        return toy.batches()(step)

    return until


@pytest.fixture(scope="module")
def unbroken(toy):
    return trained(toy)


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
def test_the_toy_is_learned(toy, dtype):
    settings = replace(toy.SETTINGS, steps=150, learning_rate=0.05, batch=16)
    module, report = trained(toy, settings, dtype=dtype)
    rows, labels = toy.problem()
    right = module(rows).argmax(1) == labels
    assert right.float().mean() > 0.9
    assert not module.training
    assert report.steps == len(report.losses) == 150
    assert report.losses[0] > 0.9
    assert report.final_loss < 0.4
    assert all(p.dtype == torch.float32 for p in module.parameters())


def test_the_same_seed_gives_the_same_weights(toy, unbroken):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    other, _ = trained(toy, replace(toy.SETTINGS, seed=1))  # its own weights are those of seed 0
    assert not torch.equal(other.classify.weight, unbroken[0].classify.weight)
    module = toy.module()
    torch.manual_seed(5)
    report = train(module, toy.loss, toy.batches(), toy.SETTINGS)
    assert torch.equal(torch.rand(3), expected)  # the caller's generator is left alone
    assert_same(module, unbroken[0])
    assert report.losses == unbroken[1].losses


@pytest.mark.parametrize("cut", [1, 4, 5, 6, 13, 20, 23])
def test_a_training_that_stops_anywhere_ends_the_same(toy, tmp_path, unbroken, cut):
    file = tmp_path / "checkpoint"
    with pytest.raises(InputError, match="stop"):
        train(
            toy.module(), toy.loss, stop_at(toy, cut), toy.SETTINGS, TrainContext(checkpoint=file)
        )
    reached = cut // 5 * 5
    module = toy.module(seed=3 if reached else 0)  # the weights come from the checkpoint
    report = train(module, toy.loss, toy.batches(), toy.SETTINGS, TrainContext(checkpoint=file))
    assert report.resumed_from == reached
    assert_same(module, unbroken[0])
    assert (report.losses, report.final_loss) == (unbroken[1].losses, unbroken[1].final_loss)
    again = toy.module(seed=4)
    report = train(again, toy.loss, toy.batches(), toy.SETTINGS, TrainContext(checkpoint=file))
    assert report.resumed_from == 24
    assert_same(again, unbroken[0])


def test_a_checkpoint_is_never_old(toy, tmp_path, unbroken, monkeypatch):
    """Where steps are slow, fewer of them may be lost."""
    monkeypatch.setattr(loop, "KEEP_EVERY_S", 0.0)
    file = tmp_path / "checkpoint"
    with pytest.raises(InputError, match="stop"):
        train(toy.module(), toy.loss, stop_at(toy, 4), toy.SETTINGS, TrainContext(checkpoint=file))
    module = toy.module(seed=3)
    report = train(module, toy.loss, toy.batches(), toy.SETTINGS, TrainContext(checkpoint=file))
    assert report.resumed_from == 4
    assert_same(module, unbroken[0])


@pytest.fixture
def process(tmp_path):
    """One process, as it takes long to start: a training for Ctrl-C, then another to be killed."""
    code = (
        "import pathlib, signal, toy\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # jobs may start without it
        f"toy.train_until_interrupted_then_killed(pathlib.Path({str(tmp_path)!r}))"
    )
    source = Path(train.__code__.co_filename).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": f"{source}:{Path(__file__).parent}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as started:
        yield started
        started.kill()


def test_ctrl_c_stops_soon_and_a_kill_at_any_moment_leaves_a_checkpoint(
    toy, tmp_path, unbroken, process
):
    """Of the 50 items of a batch four are read at once, half a second each; the rest is dropped."""
    assert any(int(line) >= 12 for line in process.stdout)
    os.kill(process.pid, signal.SIGINT)
    begun_later = list(iter(process.stdout.readline, "interrupted\n"))
    assert len(begun_later) < 20
    last = int(np.random.default_rng().integers(1, 24))
    assert any(int(line) >= last for line in process.stdout)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    for name, reached in (("interrupted", 10), ("killed", last)):
        module, report = trained(toy, checkpoint=tmp_path / name)
        assert report.resumed_from <= reached, (name, last)
        assert_same(module, unbroken[0])
        assert name == "killed" or report.resumed_from == 10


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"settings": {"learning_rate": 0.5}}, "learning_rate is 0.02 there and 0.5 here"),
        ({"dtype": "bf16"}, "dtype is 'fp32' there and 'bf16' here"),
        ({"fingerprint": "b"}, "fingerprint of the batches is 'a' there and 'b' here"),
        ({"dropout": 0.5}, "module dropout is 0.2 there and 0.5 here"),
    ],
)
def test_a_checkpoint_of_another_training_is_set_aside(toy, tmp_path, change, told):
    file = tmp_path / "checkpoint"
    trained(toy, checkpoint=file, fingerprint="a")
    content = file.read_bytes()
    settings = replace(toy.SETTINGS, **change.get("settings", {}))
    options = {k: v for k, v in change.items() if k in ("dtype", "fingerprint")}
    options = {"fingerprint": "a"} | options

    def again(**more):
        module = toy.module(dropout=change.get("dropout", 0.2))
        return module, train(
            module, toy.loss, toy.batches(), settings, TrainContext(**options, **more)
        )

    expected, _ = again()
    with pytest.warns(UserWarning, match=f"of another training: {told}. Training starts again"):
        module, report = again(checkpoint=file)
    assert report.resumed_from == 0
    assert_same(module, expected)
    assert again(checkpoint=file)[1].resumed_from == 24  # the new one has taken its place
    # and the other is not lost
    assert file.with_name(file.name + SET_ASIDE).read_bytes() == content


def test_how_often_it_is_kept_changes_no_result(toy, tmp_path):
    file = tmp_path / "checkpoint"
    trained(toy, checkpoint=file)
    often = replace(toy.SETTINGS, checkpoint_every=1)
    assert trained(toy, often, checkpoint=file)[1].resumed_from == 24


def damage(content, kind, generator):
    """One of the ways in which disks, copies and people damage a file."""
    changed = bytearray(content)
    at, length = (int(n) for n in generator.integers(0, len(content), 2))
    if kind == "bit":
        changed[at] ^= 1 << int(generator.integers(8))
    elif kind == "zeros":
        changed[at : at + 64] = bytes(len(changed[at : at + 64]))
    elif kind == "noise":
        changed[at : at + 32] = generator.bytes(len(changed[at : at + 32]))
    elif kind == "cut":
        del changed[at:]
    elif kind == "longer":
        changed += generator.bytes(1 + length)
    elif kind == "moved":
        block = changed[at : at + 16]
        changed[length : length + len(block)] = block
    return bytes(changed)


@pytest.mark.parametrize("kind", ["bit", "zeros", "noise", "cut", "longer", "moved"])
def test_random_damage_is_always_found(toy, tmp_path, unbroken, kind):
    """Wherever it is: training starts again and ends as if nothing had been there."""
    file = tmp_path / "checkpoint"
    with pytest.raises(InputError, match="stop"):
        train(toy.module(), toy.loss, stop_at(toy, 12), toy.SETTINGS, TrainContext(checkpoint=file))
    good = file.read_bytes()
    generator = np.random.default_rng(0)
    for _ in range(60):
        bad = damage(good, kind, generator)
        file.write_bytes(bad)
        if bad != good:
            with pytest.raises(ValueError, match="is damaged"):
                read_checkpoint(file, {})
    with pytest.warns(UserWarning, match="is damaged.*Training starts again"):
        module, report = trained(toy, checkpoint=file)
    assert report.resumed_from == 0
    assert_same(module, unbroken[0])
    assert trained(toy, checkpoint=file)[1].resumed_from == 24


@pytest.mark.parametrize("content", [b"", b"garbage" * 9, None], ids=["empty", "garbage", "folder"])
def test_what_is_no_checkpoint_at_all_is_set_aside(toy, tmp_path, unbroken, content):
    file = tmp_path / "checkpoint"
    file.mkdir() if content is None else file.write_bytes(content)
    with pytest.warns(UserWarning, match=f"is damaged .* file is now 'checkpoint{SET_ASIDE}'"):
        module, _ = trained(toy, checkpoint=file)
    assert_same(module, unbroken[0])


def test_a_disk_that_refuses(toy, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="checkpoint cannot be written"):
        trained(toy, checkpoint=tmp_path / "file" / "checkpoint")


def test_a_loss_that_is_not_finite_names_the_step(toy, tmp_path):
    def batches(step):
        rows, labels = toy.batches()(step)
        return (rows * float("nan") if step == 12 else rows), labels

    file = tmp_path / "checkpoint"
    with pytest.raises(RunError, match="large: the loss is nan at step 13 of 24. Lower"):
        train(
            toy.module(),
            toy.loss,
            batches,
            toy.SETTINGS,
            TrainContext(checkpoint=file, step="large"),
        )
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
