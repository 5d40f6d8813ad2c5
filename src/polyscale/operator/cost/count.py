"""Counting operations: of one tile on shapes alone, and of a Vision Transformer by formula."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from polyscale.operator.multiscale.memory import peak_live_bytes
from polyscale.operator.plan import Plan
from polyscale.types import HW, Backbone


@dataclass(frozen=True)
class TileCost:
    """What one tile costs, or one call of any module.

    Attributes:
        params: parameters of the module.
        macs: multiply-adds of matrix products and convolutions, both products of attention
            included. What papers often call "GFLOPs".
    """

    params: int
    macs: int

    @property
    def flops(self) -> int:
        """Floating-point operations: two for each multiply-add."""
        return 2 * self.macs


def count_plan(backbone: Backbone, plan: Plan) -> TileCost:
    """Parameters, and operations over all tiles of a plan, without running anything."""
    costs = {hw: count_tile(backbone, hw) for hw in {level.tile_hw for level in plan.levels}}
    return TileCost(
        params=costs[plan.levels[0].tile_hw].params,
        macs=sum(costs[level.tile_hw].macs * level.num_tiles for level in plan.levels),
    )


def count_tile(backbone: Backbone, tile_hw: HW | None = None) -> TileCost:
    """Count one tile with torch's own counter, on the meta device: nothing is computed.

    Attention is traced as plain matrix products, because counters miss fused kernels. Norms,
    activations and resizing are not counted, as is usual.

    Args:
        backbone: a module's parameters may be on any device, also on "meta".
        tile_hw: size of the tile in pixels (default: the backbone's own).
    """
    return count_call(backbone, (1, backbone.in_channels, *(tile_hw or backbone.tile_hw)))


def count_call(module: Callable[[torch.Tensor], object], shape: Sequence[int]) -> TileCost:
    """Count one call with a tensor of this shape, as `count_tile` does.

    An `nn.Module` is traced; anything else is run on zeros.
    """
    given = torch.empty(*shape, device="meta")
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        if isinstance(module, nn.Module):
            _trace(module, given)
        else:
            module(torch.zeros_like(given, device="cpu"))
    params = sum(p.numel() for p in module.parameters()) if isinstance(module, nn.Module) else 0
    return TileCost(params, macs=counter.get_total_flops() // 2)


def _trace(module: nn.Module, given: torch.Tensor) -> None:
    tensors = dict(chain(module.named_parameters(), module.named_buffers()))
    first = next((t for t in tensors.values() if t.is_floating_point()), torch.empty(0))
    try:
        on_meta = {name: tensor.to("meta") for name, tensor in tensors.items()}
        functional_call(module, on_meta, (given.to(first.dtype),))
    except (RuntimeError, NotImplementedError):
        # it uses tensors that are not its own, or asks for values: run it instead
        module(torch.zeros_like(given, dtype=first.dtype, device=first.device))


def vit_macs(
    *, dim: int, depth: int, patch_px: int, tile_hw: HW, num_prefix: int = 1, mlp_ratio: float = 4
) -> int:
    """Multiply-adds of one tile of a Vision Transformer by formula, without a classifier.

    With N tokens of width D, a block does 4·N·D² in its projections (queries, keys, values,
    output), 2·N²·D in its two attention products and 2·r·N·D² in its MLP of ratio r. Embedding a
    patch of p × p pixels is 3·p²·D, for patch tokens alone.

    >>> vit_macs(dim=768, depth=12, patch_px=16, tile_hw=(224, 224)) / 1e9
    17.563...
    """
    num_patches = (tile_hw[0] // patch_px) * (tile_hw[1] // patch_px)
    tokens = num_patches + num_prefix
    projections = 4 * tokens * dim**2
    attention = 2 * tokens**2 * dim
    mlp = 2 * mlp_ratio * tokens * dim**2
    return int(depth * (projections + attention + mlp) + num_patches * 3 * patch_px**2 * dim)


@torch.no_grad()
def peak_bytes(module: nn.Module, images: torch.Tensor) -> int:
    """Largest sum of live tensors in a call, parameters, buffers and images included.

    The call before it, which is not watched, finds out how many tiles fit into memory at once.

    Args:
        module: images → anything, on any device; on "meta", nothing is computed, and precision is
            fp32, because there is no autocast.
        images: (batch, 3, h, w).
    """
    module(images)
    held = chain([images], module.parameters(), module.buffers())
    return peak_live_bytes(lambda: module(images), held=held)
