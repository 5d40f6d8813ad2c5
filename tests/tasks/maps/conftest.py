from dataclasses import dataclass, field

import pytest
from tests.tiny_study import CANDIDATES, Study

from polyscale.features import extract
from polyscale.learning.heads.dense import TrainSettings
from polyscale.studies import Comparison

STEPS = TrainSettings(steps=20, batch=4, learning_rate=1e-2, checkpoint_every=5)


@dataclass
class SharedStudy(Study):
    """Comparisons that are made once and kept; `run` makes one anew."""

    kept: dict[str, Comparison] = field(default_factory=dict)

    def __call__(self, candidates=CANDIDATES, **settings):
        key = repr((candidates, settings))
        if key not in self.kept:
            self.kept[key] = self.run(candidates, **settings)
        return self.kept[key]

    def run(self, *candidates, **options):
        return super().__call__(*candidates, **options)


@pytest.fixture(scope="module")
def study(models, scenes_folder):
    """Segmentation, or another task on pairs of pictures and targets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extract, "SHARD", 5)
        settings = {"training": STEPS, "grid": "base", "label_px": 32}
        yield SharedStudy(f"pairs:{scenes_folder}", "segmentation", models, settings)
