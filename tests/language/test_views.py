import numpy as np
import pytest
import torch
from PIL import Image
from tests.language.tiny_llava import tiny_llava, tiny_processor, tiny_s2
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from polyscale.language.views import count_tower, seen_part, seen_tiles

MODES = ("crop", "pad", "squash", "keep", "dynamic")


def marked(size_wh, box_yxyx):
    """Black, with a white rectangle."""
    pixels = np.zeros((*size_wh[::-1], 3), dtype=np.uint8)
    top, left, bottom, right = box_yxyx
    pixels[top:bottom, left:right] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize("size_wh", [(240, 160), (160, 240), (192, 192)])
@pytest.mark.parametrize("mode", MODES)
def test_the_seen_part_is_what_the_processor_hands_on(mode, size_wh):
    """A corner of a white rectangle is where the view says, in what the processor makes of it."""
    _, processor = tiny_s2(scales=(1, 2, 3), image_mode=mode)
    box = (70, 60, 130, 120)
    image = processor.image_processor(images=marked(size_wh, box), return_tensors="pt")
    pixels = image["pixel_values"][0].mean(dim=0)
    white = pixels > pixels.max() / 2  # what is padded is grey, near 0
    rows, columns = (torch.nonzero(white.any(dim=axis))[:, 0] for axis in (1, 0))
    top, left, bottom, right = seen_part(processor.image_processor, size_wh[::-1])
    height, width = pixels.shape
    expected = [
        (box[0] - top) * height / (bottom - top),
        (box[1] - left) * width / (right - left),
        (box[2] - top) * height / (bottom - top),
        (box[3] - left) * width / (right - left),
    ]
    found = [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1]
    np.testing.assert_allclose(torch.stack(found), expected, atol=1.5)


@pytest.mark.parametrize("mode", MODES)
def test_tiles_of_a_scale_cover_what_is_seen(mode):
    model, processor = tiny_s2(scales=(1, 3), image_mode=mode)
    hw = (160, 240)
    view = seen_part(processor.image_processor, hw)
    for level in seen_tiles(model, processor, hw):
        tops, lefts, bottoms, rights = zip(*level.boxes_yxyx, strict=True)
        outer = min(tops), min(lefts), max(bottoms), max(rights)
        assert outer == pytest.approx(view, abs=1e-6)
    assert len(level.boxes_yxyx) == {"keep": 15, "dynamic": 12}.get(mode, 9)


def test_any_other_tower_is_one_tile():
    (level,) = seen_tiles(tiny_llava(), tiny_processor(), (48, 80))
    assert level.boxes_yxyx == ((0, 16, 48, 64),)
    assert level.tile_px == 32


@pytest.mark.parametrize("make", [lambda: tiny_s2(scales=(1, 2)), lambda: (tiny_llava(), None)])
def test_the_cost_is_that_of_a_real_pass(make):
    model, processor = make()
    side = getattr(model.config.vision_config, "image_size", 32)
    pixels = torch.zeros(1, 3, side, side)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        model.model.vision_tower(pixels)  # which looks at its backbone first
        with FlopCounterMode(display=False) as counter:
            model.model.vision_tower(pixels)
    found = count_tower(model, processor)
    assert found.params == sum(p.numel() for p in model.model.vision_tower.parameters())
    assert found.macs == counter.get_total_flops() / 2
