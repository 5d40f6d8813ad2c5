"""How much features disagree across tile borders, against the interior of tiles."""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from polyscale.errors import InputError
from polyscale.multiscale import MultiScale
from polyscale.multiscale.inputs import Images
from polyscale.types import format_scale


@dataclass(frozen=True)
class Seams:
    """Cosine distance of neighbouring cells, 0 to 2, averaged over images and both directions.

    Attributes:
        border: of neighbours with a tile border between them.
        interior: of all other neighbours.
        num_images: images.
    """

    border: float
    interior: float
    num_images: int

    @property
    def excess(self) -> float:
        """How much more neighbours differ across borders: 0 is no seam, 1 twice as much."""
        return self.border / self.interior - 1


def measure_seams(module: MultiScale, images: Images, *, scale: float = 2) -> Seams:
    """Measure the seams of one scale on images.

    Neighbouring cells of a picture always differ a little. Seams are what they differ more where
    the borders of the plain grid of tiles run. With overlapping or shifted tiles, the same borders
    are looked at, so that the numbers can be compared.

    Args:
        module: backbone and choices; its scales are of no matter.
        images: as `MultiScale` takes them.
        scale: which scale.

    Raises:
        InputError: if the scale has no border, or no whole number of tiles.
    """
    if scale != int(scale) or scale < 2:
        raise InputError(
            f"scale must be a whole number of at least 2, but got {format_scale(scale)}. "
            "Smaller ones have no border between tiles."
        )
    tiling = replace(module.config.tiling, scales=(scale,), aspect="squash")
    config = replace(module.config, tiling=tiling, output_grid="largest", merge="concat")
    stitched = MultiScale(module.backbone, config=config)
    with torch.inference_mode():
        cells = stitched(images).map.float()
    sums = [_distances(cells, module.backbone.grid_hw[1])]
    sums.append(_distances(cells.transpose(2, 3), module.backbone.grid_hw[0]))
    border = torch.cat([b for b, _ in sums])
    interior = torch.cat([i for _, i in sums])
    return Seams(float(border.mean()), float(interior.mean()), len(cells))


def _distances(
    cells: Float[Tensor, "batch dim h w"], per_tile: int
) -> tuple[Float[Tensor, " border"], Float[Tensor, " interior"]]:
    """Cosine distances of horizontal neighbours, across borders and elsewhere."""
    distance = 1 - F.cosine_similarity(cells[..., 1:], cells[..., :-1], dim=1)
    at_border = torch.arange(1, cells.shape[-1]) % per_tile == 0
    return distance[..., at_border].flatten(), distance[..., ~at_border].flatten()
