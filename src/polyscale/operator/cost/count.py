"""Counting operations of one tile, by running it on shapes alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from polyscale.types import HW, Backbone


@dataclass(frozen=True)
class TileCost:
    """What one tile costs, or one call of any module.

    Attributes:
        params: parameters of the module.
        macs: multiply-adds of matrix products and convolutions, both products of attention
            included. What papers often call "GFLOPs".
        flops: floating-point operations: two for each multiply-add.
    """

    params: int
    macs: int
    flops: int

    def __add__(self, other: "TileCost") -> "TileCost":
        return TileCost(
            self.params + other.params, self.macs + other.macs, self.flops + other.flops
        )

    def times(self, calls: int) -> "TileCost":
        """Of several calls; the parameters are the same."""
        return TileCost(self.params, self.macs * calls, self.flops * calls)


def count_tile(backbone: Backbone, tile_hw: HW | None = None) -> TileCost:
    """Count with torch's own counter, on the meta device: nothing is computed or allocated.

    Attention is traced as plain matrix products, because counters miss fused kernels. Norms,
    activations and resizing are not counted, as is usual.

    Args:
        backbone: a module's parameters may be on any device, also on "meta".
        tile_hw: size of the tile in pixels; the backbone's own where not given.
    """
    return count_call(backbone, (1, 3, *(tile_hw or backbone.tile_hw)))


def count_call(module: Callable[[torch.Tensor], object], shape: Sequence[int]) -> TileCost:
    """Count one call of anything that takes one tensor, as `count_tile` does.

    Args:
        module: usually an `nn.Module`; anything else is run on zeros.
        shape: of the tensor.
    """
    given = torch.empty(*shape, device="meta")
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        if isinstance(module, nn.Module):
            _trace(module, given)
        else:
            module(torch.zeros_like(given, device="cpu"))
    flops = int(counter.get_total_flops())
    params = sum(p.numel() for p in module.parameters()) if isinstance(module, nn.Module) else 0
    return TileCost(params=params, macs=flops // 2, flops=flops)


def _trace(module: nn.Module, given: torch.Tensor) -> None:
    tensors = dict(chain(module.named_parameters(), module.named_buffers()))
    first = next((t for t in tensors.values() if t.is_floating_point()), torch.empty(0))
    try:
        on_meta = {name: tensor.to("meta") for name, tensor in tensors.items()}
        functional_call(module, on_meta, (given.to(first.dtype),))
    except (RuntimeError, NotImplementedError):
        # it reaches for tensors that are not its own, or asks for values: run it, then
        module(torch.zeros_like(given, dtype=first.dtype, device=first.device))
