import pytest

from polyscale.data import load_classification
from polyscale.learning.pretraining import PretrainSettings, pretrain

ARGUMENTS = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 2}


@pytest.fixture(scope="session")
def settings():
    """Of a tiny ViT, a few steps."""

    def make(**changes):
        chosen = {
            "model": "vit_tiny_patch16_224",
            "model_args": ARGUMENTS,
            "steps": 6,
            "batch": 8,
            "local_crops": 1,
            "prototypes": 32,
            "learning_rate": 2e-3,
        }
        return PretrainSettings(**{**chosen, **changes})

    return make


@pytest.fixture(scope="session")
def data(textures):
    """Three classes of stripes, 8 training images each."""
    return load_classification(f"folder:{textures}")


@pytest.fixture(scope="session")
def trained(settings, data):
    def run(out, **changes):
        return pretrain(settings(**changes), data, out=out, device="cpu")

    return run
