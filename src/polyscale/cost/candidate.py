"""The cost of a backbone at its scales, for one image."""

from dataclasses import dataclass
from itertools import chain

import torch
from torch import nn

from polyscale.cost.count import TileCost, count_tile
from polyscale.cost.latency import Latency, measure_latency
from polyscale.multiscale import MultiScale
from polyscale.multiscale.memory import peak_live_bytes
from polyscale.plan import Plan
from polyscale.types import HW, Backbone


@dataclass(frozen=True)
class Cost:
    """Everything that runs for one image.

    Attributes:
        params: parameters of the backbone.
        macs: multiply-adds over all tiles.
        flops: floating-point operations over all tiles.
        latency: of one image, batch 1, from the normalised tensor to the features.
        peak_bytes: largest sum of live tensors meanwhile, parameters included.
    """

    params: int
    macs: int
    flops: int
    latency: Latency
    peak_bytes: int


def count_plan(backbone: Backbone, plan: Plan) -> TileCost:
    """Parameters, and operations over all tiles of a plan, without running anything."""
    per_size: dict[HW, TileCost] = {}
    for level in plan.levels:
        if level.tile_hw not in per_size:
            per_size[level.tile_hw] = count_tile(backbone, level.tile_hw)
    return TileCost(
        params=next(iter(per_size.values())).params,
        macs=sum(per_size[level.tile_hw].macs * level.num_tiles for level in plan.levels),
        flops=sum(per_size[level.tile_hw].flops * level.num_tiles for level in plan.levels),
    )


def measure(multiscale: MultiScale, *, image_hw: HW) -> Cost:
    """Count operations; time an image and watch its memory.

    Args:
        multiscale: the candidate, where it will run.
        image_hw: size of the image that is timed, in pixels; its values are noise.
    """
    parameters = list(multiscale.parameters())
    device = parameters[0].device if parameters else torch.device("cpu")
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 3, *image_hw, generator=generator).to(device)
    counted = count_plan(multiscale.backbone, multiscale.plan)

    @torch.inference_mode()
    def call() -> object:
        return multiscale(image)

    return Cost(
        params=counted.params,
        macs=counted.macs,
        flops=counted.flops,
        latency=measure_latency(call, device=device),
        peak_bytes=_peak_bytes(multiscale, image),
    )


def _peak_bytes(multiscale: nn.Module, image: torch.Tensor) -> int:
    held = [image, *chain(multiscale.parameters(), multiscale.buffers())]

    @torch.no_grad()
    def call() -> object:
        return multiscale(image)

    return peak_live_bytes(call, held=held)
