"""Studies of small untrained models on pairs of pictures and targets, generated."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from PIL import Image

from polyscale.heads.dense import TrainSettings
from polyscale.studies import DenseSettings, plan_dense, run_dense, silent
from polyscale.studies.dense import plan
from polyscale.studies.extract import pipeline
from polyscale.types import Backbone

SMALL, LARGE = "tiny:net_small", "tiny:net_large"
CANDIDATES = [f"{SMALL}@1", f"{SMALL}@1,2", f"{LARGE}@1"]
STEPS = TrainSettings(steps=20, batch=4, learning_rate=1e-2, checkpoint_every=5)


@pytest.fixture
def pairs(tmp_path):
    """Coloured squares on grey, wider than high; labels, and depth that follows brightness."""
    generator = np.random.default_rng(0)
    root = tmp_path / "scenes"
    for split, num in {"train": 12, "val": 6}.items():
        for kind in ("images", "masks", "depth"):
            (root / kind / split).mkdir(parents=True)
        for i in range(num):
            height, width = 64, 80 + 16 * (i % 2)
            image = np.full((height, width, 3), 90, np.uint8)
            labels = np.zeros((height, width), np.uint8)
            for label, colour in ((1, (230, 40, 40)), (2, (40, 40, 230))):
                side = int(generator.integers(12, 40))
                y, x = (int(generator.integers(0, n - side)) for n in (height, width))
                image[y : y + side, x : x + side] = colour
                labels[y : y + side, x : x + side] = label
            labels[:2] = 255  # ignored
            depth = (1000 + 1500 * (labels % 255).astype(np.int64)).astype(np.uint16)
            depth[:2] = 0  # unknown
            name = f"{split}/{i}.png"
            Image.fromarray(image).save(root / "images" / name)
            Image.fromarray(labels).save(root / "masks" / name)
            Image.fromarray(depth).save(root / "depth" / name)
    return root


@dataclass
class Study:
    """Runs comparisons of the models on the pairs."""

    folder: object
    models: dict[str, Backbone] = field(default_factory=dict)

    def plan(self, candidates=CANDIDATES, **settings):
        given = {"dtype": "fp32", "tile_batch": 16, "training": STEPS, "label_px": 32, **settings}
        return plan_dense(f"pairs:{self.folder}", candidates, DenseSettings(**given))

    def __call__(self, candidates=CANDIDATES, *, cache=None, told=silent, **settings):
        return run_dense(self.plan(candidates, **settings), cache=cache, progress=told)


@pytest.fixture
def study(tiny_backbone, pairs, monkeypatch):
    monkeypatch.setattr("polyscale.cost.candidate.TURN_S", 0)
    monkeypatch.setattr("polyscale.stats.image_bootstrap.NUM_RESAMPLES", 500)
    monkeypatch.setattr(pipeline, "SHARD", 5)
    made = Study(pairs)
    for seed, (name, dim) in enumerate({SMALL: 6, LARGE: 12}.items()):
        torch.manual_seed(seed)
        made.models[name] = tiny_backbone(dim=dim)
        made.models[name].name = name
    monkeypatch.setattr(plan, "load", lambda source: made.models[source])
    return made
