"""Studies of small untrained models on pairs of pictures and targets, generated."""

from dataclasses import dataclass, field

import pytest

from polyscale.features import extract
from polyscale.learning.heads.dense import TrainSettings
from polyscale.studies import Comparison, plan_compare, run_compare, silent
from polyscale.tasks import get_task
from polyscale.types import Backbone

SMALL, LARGE = "tiny:net_small", "tiny:net_large"
CANDIDATES = [f"{SMALL}@1", f"{SMALL}@1,2", f"{LARGE}@1"]
STEPS = TrainSettings(steps=20, batch=4, learning_rate=1e-2, checkpoint_every=5)


@dataclass
class Study:
    """Comparisons of the models on the pairs; without a cache each is made once and kept."""

    folder: object
    models: dict[str, Backbone]
    kept: dict[str, Comparison] = field(default_factory=dict)

    def plan(self, candidates=CANDIDATES, task="segmentation", **settings):
        given = {"dtype": "fp32", "tile_batch": 16, "training": STEPS, "label_px": 32, **settings}
        settings = get_task(task).settings_type(**given)
        return plan_compare(f"pairs:{self.folder}", candidates, settings)

    def run(self, candidates=CANDIDATES, *, cache=None, told=silent, **settings):
        return run_compare(self.plan(candidates, **settings), cache=cache, progress=told)

    def __call__(self, candidates=CANDIDATES, **settings):
        key = repr((candidates, settings))
        if key not in self.kept:
            self.kept[key] = self.run(candidates, **settings)
        return self.kept[key]


@pytest.fixture(scope="module")
def study(models, scenes_folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extract, "SHARD", 5)
        yield Study(scenes_folder, models)
