"""Time and memory of a candidate, measured in turns with others.

Turns spread the changes of a machine's speed evenly over all candidates: A B C A B C.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from statistics import quantiles

import torch
from torch import nn

from polyscale.operator.backbones import free_bytes
from polyscale.operator.cost.count import TileCost, count_plan
from polyscale.operator.multiscale import MultiScale
from polyscale.operator.multiscale.memory import peak_live_bytes
from polyscale.types import HW

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


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a candidate costs, under the names that `Result` has for it.

    Attributes:
        params: parameters of the backbone, and of a head where there is one.
        macs: multiply-adds of one image over all tiles.
        flops: floating-point operations of one image over all tiles.
        latency_ms: median time of one image in milliseconds, from the normalised tensor to the
            features; `_low_` and `_high_` are quartiles over the runs.
        throughput: median number of images a second in batches, likewise.
        peak_bytes: largest sum of live tensors while one image runs, parameters included.
    """

    params: int
    macs: int
    flops: int
    latency_ms: float
    latency_low_ms: float
    latency_high_ms: float
    throughput: float
    throughput_low: float
    throughput_high: float
    peak_bytes: int


def fitting_batch(image_hw: HW, device: torch.device) -> int:
    """Images of this size whose pixels fit into memory: a power of two, at most that of `BATCH`."""
    bytes_each = 4 * 3 * image_hw[0] * image_hw[1]
    fitting = int(SHARE * free_bytes(device) // bytes_each)
    most = BATCH.get(device.type, BATCH["cpu"])
    return 2 ** (max(1, min(fitting, most)).bit_length() - 1)


class Timed:
    """A call that is timed a little in each turn; a GPU is waited for."""

    def __init__(self, call: Callable[[], object], device: torch.device) -> None:
        self._call, self._device = call, device
        self._seconds: list[float] = []

    def turn(self) -> None:
        """Call again and again for `TURN_S`, once at least.

        A first call is made and not counted where it is the first of all, or where a turn has
        several calls: caches hold what ran before, which matters to short calls.
        """
        if not self._seconds or self._seconds[-1] < TURN_S:
            self._once()
        spent = 0.0
        while not spent or spent < TURN_S:
            self._seconds.append(self._once())
            spent += self._seconds[-1]

    def quartiles_s(self) -> tuple[float, float, float]:
        """Lower quartile, median and upper quartile over all turns, in seconds."""
        low, median, high = quantiles(self._seconds, n=4, method="inclusive")
        return low, median, high

    def _once(self) -> float:
        start = time.perf_counter()
        self._call()
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter() - start


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
        if counted is None:
            assert isinstance(module, MultiScale)
            counted = count_plan(module.backbone, module.plan)
        self._counted, self._batch = counted, batch
        device = next(module.parameters(), torch.empty(0)).device
        image = torch.randn(1, 3, *image_hw, generator=torch.Generator().manual_seed(0)).to(device)
        held = [image, *chain(module.parameters(), module.buffers())]
        with torch.no_grad():
            self._peak_bytes = peak_live_bytes(lambda: module(image), held=held)

        @torch.inference_mode()
        def run(num: int) -> object:
            return module(image.expand(num, -1, -1, -1))

        self._one, self._many = Timed(lambda: run(1), device), Timed(lambda: run(batch), device)

    def turn(self, number: int) -> None:
        """Time it for a moment, in turn 0 … `TURNS` - 1."""
        self._one.turn()
        if number < BATCH_TURNS:
            self._many.turn()

    def cost(self) -> Cost:
        """The cost after all turns."""
        latency_low, latency, latency_high = self._one.quartiles_s()
        batch_low, batch, batch_high = self._many.quartiles_s()
        return Cost(
            params=self._counted.params,
            macs=self._counted.macs,
            flops=self._counted.flops,
            latency_ms=latency * 1e3,
            latency_low_ms=latency_low * 1e3,
            latency_high_ms=latency_high * 1e3,
            throughput=self._batch / batch,
            throughput_low=self._batch / batch_high,
            throughput_high=self._batch / batch_low,
            peak_bytes=self._peak_bytes,
        )


def measure(module: MultiScale, *, image_hw: HW, batch: int) -> Cost:
    """The cost of one candidate that takes no turns with others; see `Meter`."""
    meter = Meter(module, image_hw=image_hw, batch=batch)
    for number in range(TURNS):
        meter.turn(number)
    return meter.cost()
