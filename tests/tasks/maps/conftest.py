"""Studies of small untrained models on pairs of pictures and targets, generated."""

from dataclasses import dataclass, field

import pytest
import torch

from polyscale.features import extract
from polyscale.learning.heads.dense import TrainSettings
from polyscale.studies import plan_compare, run_compare, silent
from polyscale.studies.compare import plan
from polyscale.tasks import get_task
from polyscale.types import Backbone

SMALL, LARGE = "tiny:net_small", "tiny:net_large"
CANDIDATES = [f"{SMALL}@1", f"{SMALL}@1,2", f"{LARGE}@1"]
STEPS = TrainSettings(steps=20, batch=4, learning_rate=1e-2, checkpoint_every=5)


@dataclass
class Study:
    """Runs comparisons of the models on the pairs."""

    folder: object
    models: dict[str, Backbone] = field(default_factory=dict)

    def plan(self, candidates=CANDIDATES, task="segmentation", **settings):
        given = {"dtype": "fp32", "tile_batch": 16, "training": STEPS, "label_px": 32, **settings}
        settings = get_task(task).settings_type(**given)
        return plan_compare(f"pairs:{self.folder}", candidates, settings)

    def __call__(self, candidates=CANDIDATES, *, cache=None, told=silent, **settings):
        return run_compare(self.plan(candidates, **settings), cache=cache, progress=told)


@pytest.fixture
def study(tiny_backbone, pairs_folder, monkeypatch):
    monkeypatch.setattr("polyscale.operator.cost.candidate.TURN_S", 0)
    monkeypatch.setattr("polyscale.stats.image_bootstrap.NUM_RESAMPLES", 500)
    monkeypatch.setattr(extract, "SHARD", 5)
    made = Study(pairs_folder)
    for seed, (name, dim) in enumerate({SMALL: 6, LARGE: 12}.items()):
        torch.manual_seed(seed)
        made.models[name] = tiny_backbone(dim=dim)
        made.models[name].name = name
    monkeypatch.setattr(plan, "load", lambda source: made.models[source])
    return made
