"""The features of every tile, added up in their place in the output."""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from polyscale.errors import InputError
from polyscale.operator.multiscale.tables import ChunkTable, Layout, table_tensors
from polyscale.types import TileFeatures

Merge = Literal["concat", "add", "mean"]
"""Scales side by side along channels (the paper), summed, or averaged (the control of Table 11)."""


class FusedTokens:
    """The output tensor, filled chunk by chunk.

    Half precision is summed in float32 and rounded once, at the end. Nothing is written into a
    view, so that gradients take time in proportion to the number of tiles.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._sums: Tensor | None = None
        self._dtype = torch.float32

    def add(self, table: ChunkTable, features: TileFeatures) -> None:
        """Add what a chunk of tiles gives.

        Raises:
            InputError: if the feature maps have another size than when the model was tried.
        """
        layout = self._layout
        cells_hw, num_prefix = tuple(features.map.shape[-2:]), features.prefix.shape[1]
        if (cells_hw, num_prefix) != (table.cells_hw, layout.num_prefix):
            raise InputError(
                f"the model must give a map of {table.cells_hw[0]}×{table.cells_hw[1]} cells and "
                f"{layout.num_prefix} prefix tokens, as when it was tried, but gives "
                f"{cells_hw[0]}×{cells_hw[1]} cells and {num_prefix} prefix tokens. "
                "The size of a tile must decide both."
            )
        # (tiles, dim, h, w) → (tiles, prefix + h·w, dim)
        tokens = torch.cat([features.prefix, features.map.flatten(2).transpose(1, 2)], dim=1)
        del features  # the memory of a chunk is free from here on
        index, weights, rows = table_tensors(table, tokens.device)
        # the product with float32 weights is float32; none of these is an operator of autocast
        shares = tokens.flatten(0, 1).index_select(0, index) * weights
        if self._sums is None:
            num_rows = layout.num_images * layout.num_tokens * layout.num_slots
            self._sums, self._dtype = shares.new_zeros(num_rows, shares.shape[1]), tokens.dtype
        self._sums.index_add_(0, rows, shares)

    def result(
        self, merge: Merge, reduce: Callable[[Tensor], Tensor] | None = None
    ) -> Float[Tensor, "batch prefix+h*w channels"]:
        """The tokens, in the dtype of the features. `reduce` adds what several processes have."""
        assert self._sums is not None, "no tile was added"
        layout, sums = self._layout, reduce(self._sums) if reduce else self._sums
        slots = sums.to(self._dtype).view(
            layout.num_images, layout.num_tokens, layout.num_slots, -1
        )
        if merge == "concat":
            return slots.flatten(2)
        return slots.sum(2) if merge == "add" else slots.mean(2)
