import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import adaptive_avg_pool2d

import polyscale
from polyscale.operator.multiscale import MultiScale
from polyscale.studies import show


@pytest.fixture
def picture():
    """A disc on a slope: 90 px high, 150 px wide."""
    y, x = np.mgrid[:90, :150]
    disc = (y - 50) ** 2 + (x - 60) ** 2 < 900
    pixels = np.stack([y * 2, x, np.where(disc, 240, 30)], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def test_maps_are_those_of_the_operator(tiny_backbone, picture):
    module = MultiScale(tiny_backbone(), (1, 2, 3))
    shown = show(module, picture)
    features = module(module.preprocess([picture]))
    np.testing.assert_array_equal(shown.fused, features.map[0].detach())
    for scale, level in zip(shown.scales, features.scales, strict=True):
        side = round(4 * scale.scale)
        assert scale.stitched.shape == (6, side, side)
        pooled = adaptive_avg_pool2d(torch.from_numpy(scale.stitched), 4)
        torch.testing.assert_close(pooled, level.map[0].detach(), rtol=1e-4, atol=1e-5)
        assert len(scale.boxes_yxyx) == scale.scale**2
        assert scale.image.shape == (32 * scale.scale, 32 * scale.scale, 3)
    assert shown.num_tiles == 14


@pytest.mark.parametrize("aspect", ["squash", "keep", "pad"])
def test_shapes_follow_the_aspect(tiny_backbone, picture, aspect):
    module = MultiScale(tiny_backbone(), (0.5, 1, 2), aspect=aspect, overlap=0.25)
    shown = show(module, picture)
    for scale, level in zip(shown.scales, module.plan_for((90, 150)).levels, strict=True):
        assert scale.image.shape[:2] == level.image_hw
        assert scale.stitched_rgb.shape == (*scale.stitched.shape[1:], 3)
        assert scale.pooled_rgb.shape == (4, 7 if aspect == "keep" else 4, 3)
        for colours in (scale.stitched_rgb, scale.pooled_rgb):
            assert colours.min() >= 0
            assert colours.max() <= 1


def test_source_base_shows_no_new_pixels(tiny_backbone, picture):
    native, base = (
        show(MultiScale(tiny_backbone(), (1, 2), source=source), picture)
        for source in ("native", "base")
    )
    np.testing.assert_array_equal(native.scales[0].image, base.scales[0].image)

    def detail(image):
        return np.abs(np.diff(image.astype(float), axis=1)).max()

    assert detail(base.scales[1].image) < 0.8 * detail(native.scales[1].image)


def test_a_plain_picture_is_grey(tiny_backbone):
    """No cell differs: there is nothing to tell by colour."""
    module = MultiScale(tiny_backbone(), (1, 2))
    shown = show(module, Image.new("RGB", (70, 50), "teal"))
    assert (shown.fused_rgb == 0.5).all()
    assert (shown.scales[1].stitched_rgb == 0.5).all()


def test_a_grid_of_one_cell(tiny_backbone, picture):
    shown = show(MultiScale(tiny_backbone(tile=8), (1, 2)), picture)
    assert shown.fused_rgb.shape == (1, 1, 3)
    assert (shown.fused_rgb == 0.5).all()
    assert shown.scales[1].stitched_rgb.shape == (2, 2, 3)


@pytest.mark.weights
def test_like_things_have_like_colours_at_all_scales(picture):
    """On real features: a cell's colour is nearer to its own at scale 1 than to other cells'."""
    skimage_data = pytest.importorskip("skimage.data")
    photo = Image.fromarray(skimage_data.coffee())
    module = polyscale.wrap("pip:dinov2_small", (1, 2))
    shown, again = show(module, photo), show(module, photo)
    np.testing.assert_array_equal(shown.fused_rgb, again.fused_rgb)
    first = shown.scales[0].pooled_rgb.reshape(-1, 3)
    for other in (shown.scales[1].pooled_rgb, shown.fused_rgb):
        own = np.linalg.norm(other.reshape(-1, 3) - first, axis=1).mean()
        far = np.linalg.norm(np.roll(other.reshape(-1, 3), 128, axis=0) - first, axis=1).mean()
        assert own < 0.7 * far
