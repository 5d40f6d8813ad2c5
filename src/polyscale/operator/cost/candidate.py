"""The cost of a backbone at its scales."""

from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import nn

from polyscale.operator.backbones.memory import free_bytes
from polyscale.operator.cost.count import TileCost, count_tile
from polyscale.operator.cost.turns import Timed
from polyscale.operator.multiscale import MultiScale
from polyscale.operator.multiscale.memory import peak_live_bytes
from polyscale.operator.plan import Plan
from polyscale.types import HW, Backbone

TURNS = 5
"""Turns in which one image is timed."""

BATCH_TURNS = 3
"""Turns in which a batch is timed: it takes longer, and varies less."""

TURN_S = 0.1
"""Seconds after which no further call is started in a turn."""

BATCH = {"cuda": 16, "cpu": 4}
"""Images of a batch, where their pixels fit. A CPU gains next to nothing beyond."""

SHARE = 1 / 8
"""Of the free memory that the pixels of a batch may take."""


@dataclass(frozen=True)
class Latency:
    """Time for one image in milliseconds: median and quartiles over the runs."""

    median_ms: float
    low_ms: float
    high_ms: float
    num_runs: int


@dataclass(frozen=True)
class Throughput:
    """Images a second in batches: median and quartiles over the runs."""

    median: float
    low: float
    high: float
    batch: int


@dataclass(frozen=True)
class Cost:
    """What a candidate takes.

    Attributes:
        params: parameters of the backbone, and of a head where there is one.
        macs: multiply-adds of one image over all tiles.
        flops: floating-point operations of one image over all tiles.
        latency: of one image, batch 1, from the normalised tensor to the features.
        throughput: of batches, likewise.
        peak_bytes: largest sum of live tensors while one image runs, parameters included.
    """

    params: int
    macs: int
    flops: int
    latency: Latency
    throughput: Throughput
    peak_bytes: int

    def facts(self) -> dict[str, Any]:
        """The fields of `Result` that say what a candidate takes."""
        return {
            "params": self.params,
            "macs": self.macs,
            "flops": self.flops,
            "latency_ms": self.latency.median_ms,
            "latency_low_ms": self.latency.low_ms,
            "latency_high_ms": self.latency.high_ms,
            "throughput": self.throughput.median,
            "throughput_low": self.throughput.low,
            "throughput_high": self.throughput.high,
            "peak_bytes": self.peak_bytes,
        }


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


def fitting_batch(image_hw: HW, device: torch.device) -> int:
    """Images whose pixels fit the memory as a batch: a power of two, at most that of `BATCH`.

    Args:
        image_hw: their size in pixels.
        device: where they will lie.
    """
    bytes_each = 4 * 3 * image_hw[0] * image_hw[1]
    fitting = int(SHARE * free_bytes(device) // bytes_each)
    most = BATCH.get(device.type, BATCH["cpu"])
    return 2 ** (max(1, min(fitting, most)).bit_length() - 1)


class Meter:
    """Counts a candidate's operations at once, and times it in turns with others.

    Args:
        module: the candidate, where it will run: images (batch, 3, h, w) → anything.
        counted: its operations for one image; None counts those of a `MultiScale`.
        image_hw: size of the images that are timed, in pixels; their values are noise.
        batch: images at once for the throughput.
    """

    def __init__(
        self, module: nn.Module, *, counted: TileCost | None = None, image_hw: HW, batch: int
    ) -> None:
        self._batch = batch
        device = next(module.parameters(), torch.empty(0)).device
        generator = torch.Generator().manual_seed(0)
        image = torch.randn(1, 3, *image_hw, generator=generator).to(device)
        if counted is None:
            assert isinstance(module, MultiScale)
            counted = count_plan(module.backbone, module.plan)
        self._counted = counted
        self._peak_bytes = _peak_bytes(module, image)

        @torch.inference_mode()
        def one() -> object:
            return module(image)

        @torch.inference_mode()
        def many() -> object:
            return module(image.expand(batch, -1, -1, -1))

        self._one = Timed(one, device=device, turn_s=TURN_S)
        self._many = Timed(many, device=device, turn_s=TURN_S)

    def turn(self, number: int) -> None:
        """Time it for a moment, in turn 0 … `TURNS` - 1."""
        self._one.turn()
        if number < BATCH_TURNS:
            self._many.turn()

    def cost(self) -> Cost:
        """After the turns."""
        one, many = self._one.times(), self._many.times()
        return Cost(
            params=self._counted.params,
            macs=self._counted.macs,
            flops=self._counted.flops,
            latency=Latency(one.median * 1e3, one.low * 1e3, one.high * 1e3, one.num_runs),
            throughput=Throughput(
                self._batch / many.median,
                self._batch / many.high,
                self._batch / many.low,
                self._batch,
            ),
            peak_bytes=self._peak_bytes,
        )


def measure(multiscale: MultiScale, *, image_hw: HW) -> Cost:
    """Count operations; time images and watch the memory of one.

    Args:
        multiscale: the candidate, where it will run.
        image_hw: size of the images that are timed, in pixels; their values are noise.
    """
    device = next(multiscale.parameters(), torch.empty(0)).device
    meter = Meter(multiscale, image_hw=image_hw, batch=fitting_batch(image_hw, device))
    for number in range(TURNS):
        meter.turn(number)
    return meter.cost()


def _peak_bytes(module: nn.Module, image: torch.Tensor) -> int:
    held = [image, *chain(module.parameters(), module.buffers())]

    @torch.no_grad()
    def call() -> object:
        return module(image)

    return peak_live_bytes(call, held=held)
