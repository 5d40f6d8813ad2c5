"""Small models and images that several tests share."""

import gc
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from polyscale.types import TileFeatures


def pytest_collection_finish():
    """Exclude the imported libraries from later garbage collections.

    Their millions of objects would make each collection take most of a second.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class TokenModel(nn.Module):
    """Patch tokens after some prefix tokens; each tile's tokens depend on the whole tile."""

    def __init__(self, num_prefix: int, dim: int = 6, patch: int = 8) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, dim, patch, patch)
        self.num_prefix = num_prefix

    def forward(self, tiles):
        tokens = self.patches(tiles).flatten(2).transpose(1, 2)
        context = tokens.mean(dim=1, keepdim=True)
        prefix = [context * (i + 2) for i in range(self.num_prefix)]
        return torch.cat([*prefix, tokens + context], dim=1)


class TinyBackbone(nn.Module):
    """A `Backbone` of one convolution, with as many prefix tokens as asked for."""

    def __init__(self, num_prefix=1, tile=32, patch=8, dim=6, fixed_tile=False):
        super().__init__()
        self.model = TokenModel(num_prefix, dim, patch)
        self.name, self.tile_hw, self.grid_hw = "tiny", (tile, tile), (tile // patch,) * 2
        self.dim, self.num_prefix, self.has_cls = dim, num_prefix, num_prefix > 0
        self.fixed_tile, self.mean, self.std = fixed_tile, (0.5,) * 3, (0.25,) * 3
        self.in_channels = 3
        self.patch = patch

    def forward(self, tiles):
        tokens = self.model(tiles)
        grid = (tiles.shape[-2] // self.patch, tiles.shape[-1] // self.patch)
        cells = tokens[:, self.num_prefix :].unflatten(1, grid).permute(0, 3, 1, 2)
        return TileFeatures(cells, tokens[:, : self.num_prefix])


@pytest.fixture(scope="session")
def tiny_backbone():
    return TinyBackbone


@pytest.fixture(scope="session")
def token_model():
    return TokenModel


@pytest.fixture
def image_folder(textures, tmp_path):
    """`textures` in a folder that the test may change."""
    return Path(shutil.copytree(textures, tmp_path / "textures"))


@pytest.fixture
def pairs_folder(scenes_folder, tmp_path):
    """`scenes_folder` in a folder that the test may change."""
    return Path(shutil.copytree(scenes_folder, tmp_path / "scenes"))


@pytest.fixture(scope="session")
def textures(tmp_path_factory):
    return make_textures(tmp_path_factory.mktemp("images") / "textures")


def make_textures(root):
    """Three classes of textures, told apart by the period of their stripes; 12 images each."""
    generator = np.random.default_rng(0)
    for label, period in {"fine": 4, "medium": 8, "coarse": 16}.items():
        (root / label).mkdir(parents=True)
        for i in range(12):
            phase = generator.uniform(0, 6.28)
            stripes = np.sin(np.arange(64) * 6.28 / period + phase)
            pixels = 128 + 60 * stripes[:, None, None] + generator.normal(0, 40, (64, 80, 3))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / label / f"{i}.png")
    return root


@pytest.fixture(scope="session")
def scenes_folder(tmp_path_factory):
    """Coloured squares on grey, wider than high; labels, and depth that follows brightness."""
    return write_pairs(tmp_path_factory.mktemp("images") / "scenes")


def write_pairs(root):
    """The images, labels and depths of `scenes_folder`, in a folder that may not exist yet."""
    generator = np.random.default_rng(0)
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


@pytest.fixture
def no_charts(monkeypatch):
    """Drawing is most of the time that a page takes; what is drawn has tests of its own."""
    from polyscale.report.curves import Drawing

    def draw(run, variant, axis):
        return Drawing("<svg></svg>", dict.fromkeys(run.rows, (0.5, 0.5)))

    monkeypatch.setattr("polyscale.report.sections.candidates.draw_svg", draw)
    monkeypatch.setattr("polyscale.report.curves.draw_png", lambda run: b"\x89PNG")
