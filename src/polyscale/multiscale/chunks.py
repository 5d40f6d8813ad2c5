"""A chunk of tiles through the backbone: precision, compilation, memory that runs short."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from polyscale.errors import InputError, first_line
from polyscale.multiscale.config import MultiScaleConfig
from polyscale.multiscale.modes import evaluating
from polyscale.multiscale.precision import autocast
from polyscale.multiscale.stream import Chunk, Span
from polyscale.multiscale.tile_batch import fitting_tiles
from polyscale.types import HW, Backbone, TileFeatures


class ChunkRunner:
    """Runs chunks, and remembers how large they may be.

    Not a module, so that it is no part of any state dict.
    """

    def __init__(self, backbone: Backbone, config: MultiScaleConfig) -> None:
        self._backbone = backbone
        self._config = config
        self._call: Callable[[Tensor], Any] = backbone
        if config.compile:
            self._call = torch.compile(backbone, dynamic=False)
        self._sizes: dict[HW, int] = {}

    def tile_batch(self, tile_hw: HW) -> int:
        """How many tiles of this size go into a chunk."""
        if tile_hw not in self._sizes:
            chosen = self._config.tile_batch
            self._sizes[tile_hw] = self._measured(tile_hw) if chosen == "auto" else chosen
        return self._sizes[tile_hw]

    def __call__(self, tiles: Tensor) -> TileFeatures:
        """Features of a chunk. Where memory runs short, halves of it, now and from now on."""
        tile_hw = (tiles.shape[2], tiles.shape[3])
        limit = self.tile_batch(tile_hw)
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
        self._sizes[tile_hw] = max(1, len(tiles) // 2)
        return self(tiles)

    def map(self, chunks: Iterable[Chunk]) -> Iterator[tuple[list[Span], TileFeatures]]:
        """Features of each chunk, in order."""
        for tiles, spans in chunks:
            features = self(tiles)
            del tiles  # or it would stand beside the next chunk
            yield spans, features
            del features

    def _run(self, tiles: Tensor) -> TileFeatures:
        num, limit = len(tiles), self.tile_batch((tiles.shape[2], tiles.shape[3]))
        if self._config.compile and num < limit:
            # one static shape, so that it is compiled once
            tiles = torch.cat([tiles, tiles.new_zeros(limit - num, *tiles.shape[1:])])
        with autocast(tiles.device, self._config.dtype):
            if self._config.checkpoint and torch.is_grad_enabled():
                features = checkpoint(self._call, tiles, use_reentrant=False)
            else:
                features = self._call(tiles)
        return TileFeatures(features.map[:num], features.prefix[:num])

    def _measured(self, tile_hw: HW) -> int:
        device = device_of(self._backbone)

        def run(tiles: Tensor) -> object:
            with autocast(device, self._config.dtype):
                return self._backbone(tiles)

        try:
            # tensors of inference mode hide what is done to them
            with (
                evaluating(self._backbone),
                torch.inference_mode(False),
                torch.set_grad_enabled(_learns(self._backbone)),
            ):
                return fitting_tiles(run, tile_hw, device)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return 1


def device_of(backbone: Backbone) -> torch.device:
    """Where its parameters are; a callable without any is on the CPU."""
    if isinstance(backbone, nn.Module):
        return next(backbone.parameters(), torch.empty(0)).device
    return torch.device("cpu")


def _learns(backbone: Backbone) -> bool:
    """Whether activations are kept for a backward pass."""
    return (
        torch.is_grad_enabled()
        and isinstance(backbone, nn.Module)
        and any(p.requires_grad for p in backbone.parameters())
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or the machine had not enough memory; CPUs say it in words."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text


class DeviceSpread:
    """Chunks of one call over several devices, each with its copy of the backbone.

    Args:
        backbone: copied to each device.
        config: of the operator.
        devices: for example `["cuda:0", "cuda:1"]`; the same device twice is two workers.
    """

    def __init__(
        self, backbone: Backbone, config: MultiScaleConfig, devices: Sequence[str]
    ) -> None:
        self.devices = [torch.device(device) for device in devices]
        self._runners = [ChunkRunner(_copy_to(backbone, device), config) for device in self.devices]
        self._pool = ThreadPoolExecutor(len(devices))

    def tile_batch(self, tile_hw: HW) -> int:
        """Tiles of a chunk that all devices can take."""
        return min(runner.tile_batch(tile_hw) for runner in self._runners)

    def map(self, chunks: Iterable[Chunk]) -> Iterator[tuple[list[Span], TileFeatures]]:
        """Features of each chunk, in order; as many are under way as there are devices."""
        waiting: list[tuple[list[Span], Future[TileFeatures]]] = []
        for number, (tiles, spans) in enumerate(chunks):
            worker = number % len(self._runners)
            if len(waiting) == len(self._runners):
                done, future = waiting.pop(0)
                yield done, future.result()
            grad = torch.is_grad_enabled()
            inference = torch.is_inference_mode_enabled()
            waiting.append((spans, self._pool.submit(self._run, worker, tiles, grad, inference)))
        for done, future in waiting:
            yield done, future.result()

    def _run(self, worker: int, tiles: Tensor, grad: bool, inference: bool) -> TileFeatures:
        # gradient modes belong to a thread
        with torch.inference_mode(inference), torch.set_grad_enabled(grad and not inference):
            return self._runners[worker](tiles.to(self.devices[worker]))


def check_device(device: str) -> torch.device:
    """A device that can be used here.

    Raises:
        InputError: if torch cannot use it.
    """
    try:
        torch.zeros(1, device=device).item()
        return torch.device(device)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        raise InputError(
            f"device must be one that torch can use here, but got {device!r} "
            f"({first_line(error)}). Try cpu."
        ) from error


def _copy_to(backbone: Backbone, device: torch.device) -> Backbone:
    if not isinstance(backbone, nn.Module):
        return backbone
    return backbone if device_of(backbone) == device else copy.deepcopy(backbone).to(device)
