"""Studies of small untrained models, where nothing is claimed about their features."""

from dataclasses import dataclass, field

import pytest
import torch

from polyscale.errors import InputError
from polyscale.features import extract
from polyscale.studies import plan_compare, run_compare, silent
from polyscale.studies.compare import controls, plan
from polyscale.tasks import ClassificationSettings
from polyscale.types import Backbone

SMALL, LARGE = "tiny:net_small", "tiny:net_large"
CANDIDATES = [f"{SMALL}@1", f"{SMALL}@1,2", f"{LARGE}@1"]


@dataclass
class Study:
    """Runs comparisons of the models on the folder."""

    folder: object
    models: dict[str, Backbone] = field(default_factory=dict)

    def plan(self, candidates=CANDIDATES, **settings):
        settings = ClassificationSettings(**{"dtype": "fp32", "tile_batch": 16, **settings})
        return plan_compare(f"folder:{self.folder}", candidates, settings)

    def __call__(self, candidates=CANDIDATES, *, cache=None, limit=None, told=silent, **settings):
        return run_compare(
            self.plan(candidates, **settings),
            cache=cache,
            cache_limit_bytes=limit,
            progress=told,
        )


@pytest.fixture
def study(tiny_backbone, image_folder, monkeypatch):
    monkeypatch.setattr("polyscale.operator.cost.candidate.TURN_S", 0)
    monkeypatch.setattr("polyscale.stats.intervals.NUM_RESAMPLES", 100)
    monkeypatch.setattr(extract, "SHARD", 8)
    made = Study(image_folder)
    for seed, (name, dim) in enumerate({SMALL: 6, LARGE: 12}.items()):
        torch.manual_seed(seed)
        made.models[name] = tiny_backbone(dim=dim)
        made.models[name].name = name

    def load(source, tile_hw=None):
        if tile_hw is not None:
            raise InputError(f"tile_hw must be that of {source}.")
        return made.models[source]

    monkeypatch.setattr(plan, "load", load)
    monkeypatch.setattr(controls, "load", load)
    return made
