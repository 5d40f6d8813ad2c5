"""Images that are computed with → images that are looked at."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from polyscale.operator.multiscale import Picture


def plain_picture(image: Image.Image) -> Picture:
    """A picture whose parts are in 0 to 1, for looking at."""
    return Picture(image, mean=(0.0,) * 3, std=(1.0,) * 3)


def to_pixels(image: Float[Tensor, "1 3 h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """An image of 0 to 1, which bicubic resampling may leave a little, in 8 bits."""
    return image[0].mul(255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
