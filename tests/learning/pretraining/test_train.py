import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import polyscale
from polyscale.errors import InputError
from polyscale.learning.pretraining import pretrain, read_pretrained
from polyscale.learning.pretraining import train as training
from polyscale.operator.cost import count_tile


def weights(out):
    return load_file(out / "model" / "model.safetensors")


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


@pytest.fixture(scope="module")
def unbroken(trained, tmp_path_factory):
    """A training at two scales."""
    out = tmp_path_factory.mktemp("unbroken") / "out"
    return out, trained(out, scales=(1, 2))


def test_the_loss_falls(trained, tmp_path):
    done = trained(
        tmp_path, scales=(1, 2), steps=25, batch=12, augmentation="none", learning_rate=5e-3
    )
    assert done.losses[0] > 0.9
    assert np.mean(done.losses[-4:]) < 0.6 * done.losses[0]


def test_the_folder_holds_the_model_and_what_it_took(unbroken):
    out, done = unbroken
    assert sorted(path.name for path in out.iterdir()) == [
        "model",
        "results.json",
        "tensorboard",
        "training.json",
    ]
    backbone = polyscale.load(done.source)
    plain = timm.create_model(f"local-dir:{out / 'model'}", pretrained=True, num_classes=0).eval()
    assert (backbone.tile_hw, backbone.dim) == ((32, 32), 24)
    images = torch.rand(2, 3, 32, 32)
    features = backbone(images)
    tokens = plain.forward_features(images)
    torch.testing.assert_close(features.prefix, tokens[:, :1])
    torch.testing.assert_close(features.map.flatten(2).mT, tokens[:, 1:])
    assert (done.steps, done.images, len(done.losses)) == (6, 48, 6)
    # five tiles, and a backward pass of twice the forward one
    assert done.forward_macs == 5 * count_tile(backbone).macs
    assert (done.macs_per_image, done.macs) == (3 * done.forward_macs, 3 * 48 * done.forward_macs)
    events = EventAccumulator(str(out / "tensorboard")).Reload().Scalars("loss")
    assert [event.step for event in events] == list(range(6))
    np.testing.assert_allclose([event.value for event in events], done.losses, rtol=1e-6)
    assert read_pretrained(out) == done


def test_a_finished_training_is_read(unbroken, settings, data, monkeypatch):
    out, done = unbroken
    monkeypatch.setattr(training, "train", None)
    assert pretrain(settings(scales=(1, 2), workers=1), data, out=out) == done


KILLED = """
import os, signal, sys
from pathlib import Path
from polyscale.learning.pretraining import PretrainSettings, pretrain

def kill(step, done, total, unit, *, note=""):
    if step == "pre-training" and done == 3:
        os.kill(os.getpid(), signal.SIGKILL)

settings = PretrainSettings(**eval(sys.argv[1]))
pretrain(settings, sys.argv[2], out=sys.argv[3], device="cpu", progress=kill)
"""


def test_a_killed_training_continues_to_the_same_bits(trained, settings, textures, tmp_path):
    changes = {"method": "dino", "scales": (1, 2), "save_every": 1}
    expected = trained(tmp_path / "whole", **changes)
    arguments = {name: getattr(settings(**changes), name) for name in settings().__dict__}
    source = Path(training.__file__).parents[3]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, repr(arguments), f"folder:{textures}", tmp_path / "killed"],
        env={**os.environ, "PYTHONPATH": str(source)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "model").exists()
    steps = []
    pretrain_again = pretrain(
        settings(**changes),
        f"folder:{textures}",
        out=tmp_path / "killed",
        device="cpu",
        progress=lambda step, done, *_, **__: steps.append(done) if step[0] == "p" else None,
    )
    assert steps[0] >= 2
    assert pretrain_again.losses == expected.losses
    assert_same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))
    for name in ("whole", "killed"):
        assert not (tmp_path / name / "checkpoint.safetensors").exists()
    events = EventAccumulator(str(tmp_path / "killed" / "tensorboard")).Reload().Scalars("loss")
    assert [event.step for event in events] == list(range(6))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"learning_rate": 0.1}, "learning_rate is 0.002 there and 0.1 here"),
        ({"scales": (1,)}, r"scales is \(1, 2\) there and \(1,\) here"),
        ({"model_args": {"img_size": 32}}, "model_args is"),
    ],
)
def test_another_training_is_refused_and_the_difference_named(
    unbroken, settings, data, changes, told
):
    out, done = unbroken
    with pytest.raises(InputError, match=f"holds another: {told}"):
        pretrain(settings(**{"scales": (1, 2), **changes}), data, out=out, device="cpu")
    assert read_pretrained(out) == done


def test_other_images_are_refused(unbroken, settings, data):
    from dataclasses import replace

    fewer = replace(data, train=data.train.take(np.arange(1, len(data.train))))
    with pytest.raises(InputError, match="holds another: images is"):
        pretrain(settings(scales=(1, 2)), fewer, out=unbroken[0], device="cpu")


def test_checkpointing_tiles_changes_costs_alone(trained, unbroken, tmp_path):
    done = trained(tmp_path, scales=(1, 2), checkpoint=True, tile_batch=7)
    np.testing.assert_allclose(done.losses, unbroken[1].losses, rtol=1e-4)
    assert done.macs_per_image == 4 * done.forward_macs


@pytest.mark.parametrize("precision", ["bf16"])
def test_mixed_precision_is_near(trained, unbroken, tmp_path, precision):
    done = trained(tmp_path, scales=(1, 2), precision=precision)
    np.testing.assert_allclose(done.losses, unbroken[1].losses, rtol=0.05)
    assert {t.dtype for t in weights(tmp_path).values()} == {torch.float32}


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "resnet10t", "model_args": {}, "tile_px": 32},
        {"model": "convnext_atto", "model_args": {"in_chans": 1, "depths": [1, 1, 1, 1]}},
    ],
)
def test_conv_nets_of_any_tile_and_grey_images(trained, tmp_path, changes, recwarn):
    done = trained(tmp_path, **{"tile_px": 32, "scales": (1, 2), "steps": 2, **changes})
    backbone = polyscale.load(done.source)
    assert backbone.tile_hw == (32, 32)
    assert backbone.in_channels == changes["model_args"].get("in_chans", 3)
    assert len(backbone.mean) == backbone.in_channels
    assert np.isfinite(done.losses).all()
    assert not recwarn.list


def test_two_processes_learn_what_one_does(settings, textures, unbroken, tmp_path):
    """By `accelerate`, on the CPU: the mean of their gradients is the gradient of the batch."""
    code = KILLED.replace("done == 3", "done == -1")
    chosen = settings(scales=(1, 2), checkpoint=True)
    arguments = {name: getattr(chosen, name) for name in chosen.__dict__}
    file = tmp_path / "train.py"
    file.write_text(code)
    subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
            *("--master-port", str(20_000 + os.getpid() % 20_000), file),
            *(repr(arguments), f"folder:{textures}", tmp_path / "out"),
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(training.__file__).parents[3]),
            "OMP_NUM_THREADS": "1",
        },
        check=True,
        timeout=120,
    )
    done = read_pretrained(tmp_path / "out")
    np.testing.assert_allclose(done.losses, unbroken[1].losses, rtol=1e-5)
    one, two = weights(unbroken[0]), weights(tmp_path / "out")
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-3, atol=1e-5)
