"""The features of every tile, added up in their place in the output."""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from polyscale.errors import InputError
from polyscale.operator.multiscale.tables import ChunkTable, Layout, table_tensors
from polyscale.types import HW, TileFeatures

Merge = Literal["concat", "add", "mean"]
"""Scales side by side along channels (the paper), summed, or averaged (the control of Table 11)."""


class FusedTokens:
    """The output tensor, filled chunk by chunk.

    Half precision is summed in float32. A sum is rounded and written to the output once, when its
    last tile has come, so that beside the output only the sums of one chunk are held. Nothing is
    written into a view, so that gradients take time in proportion to the number of tiles.

    Args:
        layout: of the output.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._rows: Tensor | None = None
        self._open: Tensor | None = None

    def add(self, table: ChunkTable, features: TileFeatures) -> None:
        """Add what a chunk of tiles gives.

        Raises:
            InputError: if the feature maps have another size than when the model was tried.
        """
        _check(features, table.cells_hw, self._layout.num_prefix)
        # (tiles, dim, h, w) → (tiles, prefix + h·w, dim)
        tokens = torch.cat([features.prefix, features.map.flatten(2).transpose(1, 2)], dim=1)
        del features  # the memory of a chunk is free from here on
        rows, weights, sums, finished, *handed_on = table_tensors(table, tokens.device)
        if self._rows is None:
            self._rows = tokens.new_zeros(self._layout.num_rows, tokens.shape[2])
        # the product with float32 weights is float32; none of these is an operator of autocast
        shares = tokens.flatten(0, 1).index_select(0, rows) * weights
        del tokens
        total = shares.new_zeros(table.num_sums, shares.shape[1]).index_add_(0, sums, shares)
        del shares
        if self._open is not None and handed_on:
            total.index_add_(0, handed_on[0], self._open)
        done = total[: len(finished)].to(self._rows.dtype)
        self._rows.index_add_(0, finished, done)
        self._open = total[len(finished) :] if len(finished) < table.num_sums else None

    def result(
        self, merge: Merge, reduce: Callable[[Tensor], Tensor] | None = None
    ) -> Float[Tensor, "batch prefix+h*w channels"]:
        """The tokens, in the dtype of the features.

        Args:
            merge: how scales are put together.
            reduce: adds up what several processes have.
        """
        assert self._rows is not None, "no tile was added"
        layout, rows = self._layout, reduce(self._rows) if reduce else self._rows
        slots = rows.view(layout.num_images, layout.num_tokens, layout.num_slots, -1)
        if merge == "concat":
            return slots.flatten(2)
        return slots.sum(2) if merge == "add" else slots.mean(2)


def _check(features: TileFeatures, cells_hw: HW, num_prefix: int) -> None:
    found = tuple(features.map.shape[-2:])
    if found != cells_hw or features.prefix.shape[1] != num_prefix:
        raise InputError(
            f"the model must give a map of {cells_hw[0]}×{cells_hw[1]} cells and {num_prefix} "
            f"prefix tokens, as when it was tried, but gives {found[0]}×{found[1]} cells and "
            f"{features.prefix.shape[1]} prefix tokens. The size of a tile must decide both."
        )
