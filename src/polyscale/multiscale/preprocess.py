"""Pictures → what a backbone expects."""

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from polyscale.types import Backbone


def normalise(
    image: Image.Image | NDArray[np.uint8], backbone: Backbone
) -> Float[Tensor, "1 3 h w"]:
    """An 8-bit RGB picture as floating point, normalised by the backbone's mean and std.

    Args:
        image: 8-bit RGB (h, w, 3), values 0 to 255.
        backbone: its mean and std; where it has none, values stay in 0 to 1.
    """
    pixels = torch.from_numpy(np.array(image, dtype=np.uint8, copy=True))
    # (h, w, 3) → (1, 3, h, w)
    values = pixels.permute(2, 0, 1)[None].to(torch.float32).div_(255)
    if backbone.mean is None or backbone.std is None:
        return values
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (backbone.mean, backbone.std))
    return values.sub_(mean).div_(std)
