"""Small untrained models, and data sets with any target that are built in code."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image
from tests.tiny_study import CANDIDATES, FAST, make_models, use_models

from polyscale.data import DataReport
from polyscale.studies import plan_compare, run_compare


@pytest.fixture(scope="module")
def models():
    """The small models, which `load` gives by their names until the module is through."""
    made = make_models()
    with pytest.MonkeyPatch.context() as patch:
        use_models(patch, made)
        yield made


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
        options = task.settings_type(**FAST, **settings)
        return run_compare(plan_compare(data, candidates, options, task=task))

    return run
