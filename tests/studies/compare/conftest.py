import pytest
from tests.conftest import make_textures
from tests.tiny_study import Study, make_models, use_models

from polyscale.features import extract


def make_study(folder, patch):
    """Classification of the images in a folder."""
    patch.setattr(extract, "SHARD", 8)
    models = make_models()
    use_models(patch, models, resamples=100)
    return Study(f"folder:{folder}", "classification", models, {})


@pytest.fixture
def study(image_folder, monkeypatch):
    return make_study(image_folder, monkeypatch)


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A finished comparison with all add-ons, on the same images."""
    folder = make_textures(tmp_path_factory.mktemp("whole") / "textures")
    with pytest.MonkeyPatch.context() as patch:
        return make_study(folder, patch)(probes=True, controls=True)
