import pytest
from tests.tiny_study import Study, make_models, use_models

from polyscale.features import extract


@pytest.fixture
def study(image_folder, monkeypatch):
    """Classification of the images in the folder."""
    monkeypatch.setattr(extract, "SHARD", 8)
    models = make_models()
    use_models(monkeypatch, models, resamples=100)
    return Study(f"folder:{image_folder}", "classification", models, {})
