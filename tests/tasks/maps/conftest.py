import pytest
from tests.tiny_study import Study, make_models, use_models

from polyscale.features import extract
from polyscale.learning.heads.dense import TrainSettings

STEPS = TrainSettings(steps=20, batch=4, learning_rate=1e-2, checkpoint_every=5)


@pytest.fixture
def study(pairs_folder, monkeypatch):
    """Segmentation, or another task on pairs of pictures and targets."""
    monkeypatch.setattr(extract, "SHARD", 5)
    models = make_models()
    use_models(monkeypatch, models)
    settings = {"training": STEPS, "label_px": 32}
    return Study(f"pairs:{pairs_folder}", "segmentation", models, settings)
