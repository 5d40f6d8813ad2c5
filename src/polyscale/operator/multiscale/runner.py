"""A chunk of tiles through the backbone: precision, compilation, memory that runs short."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from polyscale.errors import InputError, first_line
from polyscale.operator.backbones import dry_run, is_trained, model_dtype_device, zero_tiles
from polyscale.operator.multiscale.config import MultiScaleConfig
from polyscale.operator.multiscale.memory import fitting_tiles
from polyscale.operator.multiscale.precision import autocast
from polyscale.types import HW, Backbone, TileFeatures


class ChunkRunner:
    """Runs chunks of one backbone, and remembers how large they may be.

    It is not a module, so that it is not part of any state dict. It belongs to one backbone:
    `MultiScale` makes a new runner when another backbone takes its place.
    """

    def __init__(self, backbone: Backbone, config: MultiScaleConfig) -> None:
        self.backbone = backbone
        self._config = config
        self._call: Callable[[Tensor], Any] = backbone
        if config.compile:
            arguments = config.compile if isinstance(config.compile, dict) else {}
            self._call = torch.compile(backbone, **arguments)
        parts = backbone.modules() if isinstance(backbone, nn.Module) else ()
        self._batch_norms = [part for part in parts if isinstance(part, _BatchNorm)]
        self._tile_batch: dict[tuple[object, ...], int] = {}
        self._cells: dict[HW, HW] = {backbone.tile_hw: backbone.grid_hw}

    def serves(self, backbone: Backbone, config: MultiScaleConfig) -> bool:
        """Whether it was made for this backbone and these choices."""
        return self.backbone is backbone and _choices(self._config) == _choices(config)

    def mixes_tiles(self) -> bool:
        """Whether batch norms take their statistics from the tiles that share a chunk."""
        return any(norm.training or norm.running_mean is None for norm in self._batch_norms)

    def tile_batch(self, tile_hw: HW) -> int:
        """How many tiles of this size go into a chunk."""
        chosen = self._config.tile_batch
        key = self._key(tile_hw)
        if key not in self._tile_batch:
            self._tile_batch[key] = self._measured(tile_hw) if chosen == "auto" else chosen
        return self._tile_batch[key]

    def cells_of(self, tile_hw: HW) -> HW:
        """Cells of the feature map of a tile; a size that is met for the first time is tried.

        Raises:
            InputError: if the model does not take it.
        """
        if tile_hw not in self._cells:
            try:
                with dry_run(self.backbone):
                    map_ = self.backbone(self._zeros(1, tile_hw)).map
            except Exception as error:
                raise InputError(
                    f"scales must make tiles that the model takes, but {self.backbone.name} does "
                    f"not take tiles of {tile_hw[0]}×{tile_hw[1]} px "
                    f"({first_line(error)[:100]}). {self._advice(tile_hw)}"
                ) from error
            self._cells[tile_hw] = map_.shape[2], map_.shape[3]
        return self._cells[tile_hw]

    def __call__(self, tiles: Tensor) -> TileFeatures:
        """Features of a chunk. Where memory runs short, halves of it, now and from now on."""
        if torch.compiler.is_compiling():  # within a compiled call, nothing is compiled again
            return TileFeatures(*self.backbone(tiles))
        key = self._key((tiles.shape[2], tiles.shape[3]))
        limit = self._tile_batch.get(key, len(tiles))
        if len(tiles) > limit:
            parts = [self(part) for part in tiles.split(limit)]
            return TileFeatures(*(torch.cat(f) for f in zip(*parts, strict=True)))
        try:
            return self._run(tiles)
        except (MemoryError, RuntimeError) as error:
            if len(tiles) == 1 or not is_out_of_memory(error):
                raise
        # outside of `except`, whose traceback would hold the memory
        if tiles.device.type == "cuda":
            torch.cuda.empty_cache()
        self._tile_batch[key] = max(1, len(tiles) // 2)
        return self(tiles)

    def _run(self, tiles: Tensor) -> TileFeatures:
        if self._config.checkpoint and torch.is_grad_enabled():
            return TileFeatures(*checkpoint(self._call, tiles, use_reentrant=False))
        return TileFeatures(*self._call(tiles))

    def _key(self, tile_hw: HW) -> tuple[object, ...]:
        """What the memory of a chunk depends on."""
        return tile_hw, *model_dtype_device(self.backbone), self._learns()

    def _learns(self) -> bool:
        """Whether activations are kept for a backward pass."""
        return torch.is_grad_enabled() and is_trained(self.backbone)

    def _measured(self, tile_hw: HW) -> int:
        _, device = model_dtype_device(self.backbone)
        learns = self._learns()

        def run(num: int) -> object:
            # zeros: a model's memory does not depend on what it sees
            tiles = self._zeros(num, tile_hw)
            with torch.set_grad_enabled(learns), autocast(device, self._config.dtype):
                return self.backbone(tiles)

        try:
            with dry_run(self.backbone):
                return fitting_tiles(run, device)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return 1

    def _zeros(self, num: int, tile_hw: HW) -> Tensor:
        return zero_tiles(self.backbone, num, self.backbone.in_channels, tile_hw)

    def _advice(self, tile_hw: HW) -> str:
        """The next size of whole cells, where the model's own tile is a whole number of cells."""
        own, grid = self.backbone.tile_hw, self.backbone.grid_hw
        if own[0] % grid[0] or tile_hw[0] % (own[0] // grid[0]) == 0:
            return "Leave the scale out."
        cell = own[0] // grid[0]
        side = max(1, round(tile_hw[0] / cell)) * cell
        return f"Leave the scale out, or try {side / own[0]:.6g}, which is {side} px."


def _choices(config: MultiScaleConfig) -> tuple[object, ...]:
    """Those that a runner acts on."""
    return config.tile_batch, config.compile, config.checkpoint, config.dtype


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or the machine had not enough memory; CPUs say it in words."""
    words = ("out of memory", "can't allocate memory")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        word in str(error).lower() for word in words
    )


def check_device(device: str) -> torch.device:
    """A device that can be used here; `auto` is cuda if there is such a device, else cpu.

    Raises:
        InputError: if torch cannot use it.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=device).item()
        return torch.device(device)
    except Exception as error:  # each kind of device raises its own
        raise InputError(
            f"device must be one that torch can use here, but got {device!r} "
            f"({first_line(error)}). Try cpu."
        ) from error
