"""Small untrained models, and data sets with any target that are built in code."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from PIL import Image

from polyscale.data import DataReport
from polyscale.studies import plan_compare, run_compare
from polyscale.studies.compare import plan

SMALL, LARGE = "tiny:net_small", "tiny:net_large"
CANDIDATES = [f"{SMALL}@1", f"{SMALL}@1,2", f"{LARGE}@1"]


@pytest.fixture(scope="module")
def models(tiny_backbone):
    """Small untrained models, which `load` finds by their names; and statistics that are quick."""
    models = {}
    for seed, (name, dim) in enumerate({SMALL: 6, LARGE: 12}.items()):
        torch.manual_seed(seed)
        models[name] = tiny_backbone(dim=dim)
        models[name].name = name
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("polyscale.operator.cost.candidate.TURN_S", 0)
        patch.setattr("polyscale.studies.costs.TURNS", 2)
        for module in ("image_bootstrap", "intervals"):
            patch.setattr(f"polyscale.stats.{module}.NUM_RESAMPLES", 500)
        patch.setattr(plan, "load", lambda source: models[source])
        yield models


@dataclass(frozen=True)
class Split:
    """Images in memory, and a target for each."""

    ids: tuple[str, ...]
    pixels: np.ndarray
    targets: np.ndarray
    fingerprint: str

    def __len__(self):
        return len(self.ids)

    def read(self, index, min_side=None):
        return Image.fromarray(self.pixels[index])


@dataclass(frozen=True)
class TargetData:
    """A data set as a user may build one."""

    train: Split
    test: Split
    name: str = "squares"
    about: str = "drawn at random"
    class_names: tuple[str, ...] = ("red", "blue")
    report: DataReport = field(default_factory=DataReport)
    notes: tuple[str, ...] = ()


def make_split(kind, num, seed):
    """Grey images with a red square, a blue one, both or none; as bright as chance has it."""
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 60, (num, 64, 80, 3)).astype(np.uint8)
    brightness = generator.integers(0, 120, num)
    pixels += brightness[:, None, None, None].astype(np.uint8)
    labels = generator.random((num, 2)) < 0.5
    for image, own in zip(pixels, labels, strict=True):
        for channel, left in ((0, 4), (2, 44)):
            if own[channel // 2]:
                image[10:42, left : left + 32, channel] = 255
    targets = {
        "labels": labels,
        "brightness": brightness / 100.0,
        "class": labels @ np.array([1, 2]),
    }[kind]
    ids = tuple(f"{seed}-{i}" for i in range(num))
    return Split(ids, pixels, targets, f"{seed}-{num}")


@pytest.fixture(scope="session")
def make_data():
    """A data set whose targets are "labels", "brightness" or "class"."""

    def make(kind, num_train=40, num_test=30):
        return TargetData(make_split(kind, num_train, 0), make_split(kind, num_test, 1))

    return make


@pytest.fixture(scope="module")
def run_task(models):
    """Runs a comparison of three tiny candidates."""

    def run(data, task, candidates=CANDIDATES, **settings):
        options = task.settings_type(dtype="fp32", tile_batch=16, **settings)
        return run_compare(plan_compare(data, candidates, options, task=task))

    return run
