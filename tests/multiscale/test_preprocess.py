import numpy as np
import torch
from PIL import Image

from polyscale.multiscale import normalise


def test_values_are_normalised(tiny_backbone):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    expected = (torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255 - 0.5) / 0.25
    for image in (pixels, Image.fromarray(pixels)):
        torch.testing.assert_close(normalise(image, tiny_backbone()), expected)


def test_without_mean_and_std_values_stay_in_0_to_1(tiny_backbone):
    backbone = tiny_backbone()
    backbone.mean = backbone.std = None
    values = normalise(np.full((2, 2, 3), 255, np.uint8), backbone)
    assert torch.equal(values, torch.ones(1, 3, 2, 2))
