"""`aspect="slide"` against a plain twin of MONAI's `sliding_window_inference`."""

import math
import random

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from polyscale.operator.multiscale import MultiScale
from polyscale.operator.plan import Tiling, plan_levels
from polyscale.types import TileFeatures

MODES = {"uniform": "constant", "gaussian": "gaussian"}
"""Our windows, and MONAI's names for them."""


def random_case(index):
    """Tile and image size, overlap, window: images smaller and larger than the tile."""
    draw = random.Random(index)  # noqa: S311
    tile_hw = draw.randint(4, 14), draw.randint(4, 14)
    image_hw = draw.randint(3, draw.choice([10, 40])), draw.randint(3, draw.choice([10, 40]))
    return tile_hw, image_hw, draw.choice([0, 0.1, 0.25, 0.5, 0.6, 0.75]), [*MODES][index % 2]


CASES = [random_case(index) for index in range(30)]
IDS = [f"{t[0]}x{t[1]} on {i[0]}x{i[1]} {o} {w}" for t, i, o, w in CASES]
geometries = pytest.mark.parametrize(("tile_hw", "image_hw", "overlap", "window"), CASES, ids=IDS)


class Pixels(nn.Module):
    """Each cell is one pixel."""

    name, fixed_tile, mean, std, num_prefix, has_cls, dim = "px", True, None, None, 0, False, 3
    in_channels = 3

    def __init__(self, tile_hw) -> None:
        super().__init__()
        self.tile_hw = self.grid_hw = tile_hw

    def map_of(self, tiles):
        return tiles

    def forward(self, tiles):
        return TileFeatures(self.map_of(tiles), tiles.new_zeros(len(tiles), 0, 3))


class Places(Pixels):
    """The same pixel gives another output at each place in the tile, padding included."""

    def __init__(self, tile_hw) -> None:
        super().__init__(tile_hw)
        self.register_buffer("factor", torch.randn(3, *tile_hw, dtype=torch.float64))
        self.register_buffer("offset", 10 * torch.randn(3, *tile_hw, dtype=torch.float64))

    def map_of(self, tiles):
        return tiles * self.factor + self.offset


NETWORKS = pytest.mark.parametrize("network", [Pixels, Places])


def window_starts(size, tile, overlap):
    """A window moves on by its stride until it would leave the axis, and is then pulled back."""
    step = int(tile * (1 - overlap)) or 1
    starts = [0]
    while starts[-1] + tile < size:
        starts.append(min(starts[-1] + step, size - tile))
    return starts


def importance(tile_hw, window):
    """Weight of each place in the tile: 1, or a Gaussian of which nothing is below a thousandth."""
    weights = torch.ones(tile_hw, dtype=torch.float64)
    for y in range(tile_hw[0]):
        for x in range(tile_hw[1]):
            away = [(p - (n - 1) / 2) / (n / 8) for p, n in zip((y, x), tile_hw, strict=True)]
            if window == "gaussian":
                weights[y, x] = max(math.exp(-(away[0] ** 2 + away[1] ** 2) / 2), 1e-3)
    return weights


def slide_twin(network, images, tile_hw, overlap, window):
    """Weighted mean of what each window says about a pixel."""
    height, width = images.shape[-2:]
    above, left = (max(0, t - n) // 2 for t, n in zip(tile_hw, (height, width), strict=True))
    below, right = max(0, tile_hw[0] - height) - above, max(0, tile_hw[1] - width) - left
    padded = F.pad(images, (left, right, above, below))
    weights = importance(tile_hw, window)
    total, count = torch.zeros_like(padded), torch.zeros_like(padded)
    for top in window_starts(padded.shape[2], tile_hw[0], overlap):
        for side in window_starts(padded.shape[3], tile_hw[1], overlap):
            place = (..., slice(top, top + tile_hw[0]), slice(side, side + tile_hw[1]))
            total[place] += network(padded[place]).map * weights
            count[place] += weights
    return (total / count)[:, :, above : above + height, left : left + width]


@geometries
def test_windows_lie_where_the_twin_puts_them(tile_hw, image_hw, overlap, window):
    tiling = Tiling(scales=(1,), aspect="slide", overlap=overlap, window=window)
    (level,) = plan_levels(tiling, tile_hw, image_hw)
    assert (level.image_hw, level.tile_hw, level.window) == (image_hw, tile_hw, window)
    for axis, starts in enumerate((level.grids[0].tops, level.grids[0].lefts)):
        tile, size = tile_hw[axis], image_hw[axis]
        before = max(0, tile - size) // 2
        expected = window_starts(max(size, tile), tile, overlap)
        assert [start + before for start in starts] == expected


@geometries
@NETWORKS
def test_equals_the_twin(network, tile_hw, image_hw, overlap, window):
    network = network(tile_hw)
    images = torch.randn(2, 3, *image_hw, dtype=torch.float64)
    module = MultiScale(
        network,
        (1,),
        aspect="slide",
        overlap=overlap,
        window=window,
        output_grid="largest",
        tile_batch=5,
    )
    features = module(images)
    assert features.grid_hw == image_hw
    expected = slide_twin(network, images, tile_hw, overlap, window)
    torch.testing.assert_close(features.map, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("window", MODES)
def test_base_grid(window):
    """Each cell of the model's own grid is the mean over its part of the image."""
    image = torch.randn(1, 3, 24, 16, dtype=torch.float64)
    module = MultiScale(Pixels((8, 8)), (1,), aspect="slide", overlap=0.4, window=window)
    expected = F.avg_pool2d(image, (3, 2))
    torch.testing.assert_close(module(image).map, expected, rtol=0, atol=1e-6)


def test_scales_are_relative_to_the_image():
    module = MultiScale(Pixels((8, 8)), (0.25, 1), aspect="slide", output_grid=(4, 4))
    image = torch.full((1, 3, 20, 28), 7.0)  # the smaller level is 5 × 7 px, less than a tile
    assert [level.image_hw for level in module.plan_for((20, 28)).levels] == [(5, 7), (20, 28)]
    torch.testing.assert_close(module(image).map, torch.full((1, 6, 4, 4), 7.0))


@geometries
@NETWORKS
@pytest.mark.filterwarnings("ignore")  # MONAI's own, at import
def test_the_twin_equals_monai(network, tile_hw, image_hw, overlap, window):
    reason = "MONAI is no dependency: `pip install monai` compares the twin with it"
    inferers = pytest.importorskip("monai.inferers", reason=reason)
    network = network(tile_hw)
    images = torch.randn(2, 3, *image_hw, dtype=torch.float64)
    expected = inferers.sliding_window_inference(
        images, tile_hw, 4, network.map_of, overlap=overlap, mode=MODES[window]
    )
    result = slide_twin(network, images, tile_hw, overlap, window)
    # MONAI's importance map is made in float32
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)
