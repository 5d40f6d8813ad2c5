"""Images as they are computed with, to look at."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from polyscale.operator.multiscale import Picture
from polyscale.types import HW


def resized(image: Image.Image, image_hw: HW) -> Float[Tensor, "1 3 h w"]:
    """The whole image at a size in pixels, from 0 to 1."""
    return Picture(image, mean=(0.0,) * 3, std=(1.0,) * 3).box(image_hw, (0, 0, *image_hw))


def to_pixels(image: Float[Tensor, "1 3 h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """An image of 0 to 1, which bicubic resampling may leave a little, in 8 bits."""
    return image[0].mul(255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
