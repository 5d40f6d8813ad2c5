"""Time and memory of a candidate, measured in turns with others.

Turns spread the changes of a machine's speed evenly over all candidates (A B C A B C), so that the
ratio of two times within a turn is more certain than either time.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from statistics import median, quantiles

import torch
from torch import nn

from polyscale.operator.backbones import free_bytes
from polyscale.operator.cost.count import TileCost, count_plan, peak_bytes
from polyscale.operator.multiscale import MultiScale
from polyscale.records import Record, Turns
from polyscale.types import HW

TURNS = 5
"""Turns in which one image is timed."""

BATCH_TURNS = 3
"""Turns in which a batch is timed: it takes longer, and varies less."""

THREAD_TURNS = 2
"""Turns in which both one CPU thread and all of them are tried; the faster one goes on."""

TURN_S = 0.05
"""Seconds after which no further call is started in a turn."""

BATCH = {"cuda": 16, "cpu": 2}
"""Images of a batch, where their pixels fit. A CPU gains next to nothing beyond."""

SHARE = 1 / 8
"""Of the free memory that the pixels of a batch may take."""


@dataclass(frozen=True, kw_only=True)
class Cost(Record):
    """What a candidate costs, under the names that `Result` has for it.

    Attributes:
        params: parameters of the backbone, and of a head where there is one.
        macs: multiply-adds of one image over all tiles.
        flops: floating-point operations of one image over all tiles.
        latency_ms: median time of one image in milliseconds, from the normalised tensor to the
            features; `_low_` and `_high_` are quartiles over the runs. None if it was not measured,
            as everything that follows.
        throughput: median number of images a second in batches, likewise.
        peak_bytes: largest sum of live tensors while one image runs, parameters included.
        turns: how time was measured.
    """

    params: int
    macs: int
    flops: int
    latency_ms: float | None = None
    latency_low_ms: float | None = None
    latency_high_ms: float | None = None
    throughput: float | None = None
    throughput_low: float | None = None
    throughput_high: float | None = None
    peak_bytes: int | None = None
    turns: Turns | None = None

    @classmethod
    def counted(cls, module: nn.Module, image_hw: HW) -> "Cost":
        """What can be counted without running anything.

        Args:
            module: images → anything. A method `counted(image_hw)` gives its operations for one
                image; without it, they are those of a `MultiScale`.
            image_hw: size of the image in pixels.
        """
        count: Callable[[HW], TileCost] | None = getattr(module, "counted", None)
        if count is None:
            assert isinstance(module, MultiScale)
            found = count_plan(module.backbone, module.plan)
        else:
            found = count(image_hw)
        return cls(params=found.params, macs=found.macs, flops=found.flops)


def fitting_batch(image_hw: HW, device: torch.device) -> int:
    """Images of this size whose pixels fit into memory: a power of two, at most that of `BATCH`."""
    bytes_each = 4 * 3 * image_hw[0] * image_hw[1]
    fitting = int(SHARE * free_bytes(device) // bytes_each)
    most = BATCH.get(device.type, BATCH["cpu"])
    return 2 ** (max(1, min(fitting, most)).bit_length() - 1)


@contextmanager
def cpu_threads(number: int | None) -> Iterator[None]:
    """Let torch use so many CPU threads inside, and as many as before afterwards.

    None changes nothing.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Timed:
    """A call that is timed a little in each turn; a GPU is waited for.

    Args:
        call: what is timed.
        device: where it runs.
        threads: CPU threads with which it runs; None are those that torch uses anyway.
        is_warm: whether it has run before, so that its first call counts.
    """

    def __init__(
        self,
        call: Callable[[], object],
        device: torch.device,
        *,
        threads: int | None = None,
        is_warm: bool = False,
    ) -> None:
        self._call, self._device, self._threads = call, device, threads
        self._is_warm = is_warm
        self._turns: list[list[float]] = []
        self._cpu_s = 0.0

    def turn(self) -> None:
        """Call again and again for `TURN_S`, once at least.

        A first call is made and not counted where it is the first of all, or where a turn has
        several calls: caches hold what ran before, which matters to short calls.
        """
        is_long = self._turns[-1][-1] >= TURN_S if self._turns else self._is_warm
        with cpu_threads(self._threads):
            if not is_long:
                self._once()
            cpu_before, seconds = time.thread_time(), list[float]()
            while not seconds or sum(seconds) < TURN_S:
                seconds.append(self._once())
            self._cpu_s += time.thread_time() - cpu_before
            self._turns.append(seconds)

    def quartiles_s(self) -> tuple[float, float, float]:
        """Lower quartile, median and upper quartile over all turns, in seconds."""
        low, middle, high = quantiles(chain(*self._turns), n=4, method="inclusive")
        return low, middle, high

    def medians_s(self) -> list[float]:
        """The median of each turn, in seconds."""
        return [median(seconds) for seconds in self._turns]

    @property
    def cpu_share(self) -> float:
        """Share of the time in which a processor core worked for the calling thread."""
        return self._cpu_s / sum(chain(*self._turns))

    def _once(self) -> float:
        start = time.perf_counter()
        self._call()
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter() - start


class Meter:
    """Counts a candidate's operations at once, and times it in turns with others.

    In the first turn, the tiles of a batch are timed as well, at the model's own size: without
    anything that must be cut or resized, they take as long as tiles do while features are computed.

    Args:
        module: the candidate, where it will run: images (batch, 3, h, w) → anything; see
            `Cost.counted`.
        image_hw: size of the images that are timed, in pixels; their values are noise.
    """

    def __init__(self, module: nn.Module, image_hw: HW) -> None:
        self._counted, self._image_hw = Cost.counted(module, image_hw), image_hw
        device = next(module.parameters(), torch.empty(0)).device
        self._batch = fitting_batch(image_hw, device)
        image = torch.randn(1, 3, *image_hw, generator=torch.Generator().manual_seed(0)).to(device)
        self._peak_bytes = peak_bytes(module, image)

        @torch.inference_mode()
        def run(num: int) -> object:
            return module(image.expand(num, -1, -1, -1))

        self._most_threads = torch.get_num_threads() if device.type == "cpu" else None
        num_threads = {1, self._most_threads} if self._most_threads else {None}
        is_warm = device.type == "cpu"  # its memory was measured; a GPU prepares for each batch
        self._one = {
            n: Timed(lambda: run(1), device, threads=n, is_warm=is_warm) for n in num_threads
        }
        self._many = Timed(lambda: run(self._batch), device, is_warm=is_warm)
        self._tried = list(self._one)
        self._tile_s: float | None = None
        self._module, self._device = module, device

    def turn(self, number: int) -> None:
        """Time it for a moment, in turn 0 … `TURNS` - 1: one image, and in some turns a batch."""
        if number == THREAD_TURNS:
            self._tried = [self._fastest]
        for threads in self._tried:
            self._one[threads].turn()
        if number < BATCH_TURNS:
            self._many.turn()
        if number == 0:
            self._tile_s = tile_seconds(self._module, self._batch, self._device)

    @property
    def _fastest(self) -> int | None:
        """The number of CPU threads, of those that are still tried."""
        return min(self._tried, key=lambda threads: self._one[threads].quartiles_s()[1])

    def cost(self, session: str) -> Cost:
        """The cost after all turns; candidates of one session took turns with each other."""
        quartiles_ms = {n: [1e3 * s for s in t.quartiles_s()] for n, t in self._one.items()}
        threads = self._fastest
        low, latency, high = quartiles_ms[threads]
        batch_low, batch, batch_high = self._many.quartiles_s()
        return replace(
            self._counted,
            latency_ms=latency,
            latency_low_ms=low,
            latency_high_ms=high,
            throughput=self._batch / batch,
            throughput_low=self._batch / batch_high,
            throughput_high=self._batch / batch_low,
            peak_bytes=self._peak_bytes,
            turns=Turns(
                session=session,
                image_hw=self._image_hw,
                batch=self._batch,
                latency_ms=tuple(1e3 * s for s in self._one[threads].medians_s()),
                threads=threads,
                one_thread_ms=quartiles_ms[1][1] if threads else None,
                all_threads_ms=quartiles_ms[self._most_threads][1] if threads else None,
                cpu_share=self._one[1].cpu_share if threads else None,
                tile_ms=self._tile_s and 1e3 * self._tile_s,
            ),
        )


@torch.inference_mode()
def tile_seconds(module: nn.Module, num: int, device: torch.device) -> float | None:
    """Median time of a tile among so many at once, of the operator in a module; None without one.

    Args:
        module: the candidate.
        num: tiles at once.
        device: where it runs.
    """
    operator = next((part for part in module.modules() if isinstance(part, MultiScale)), None)
    if operator is None:
        return None
    single = operator.with_scales((1,))
    tiles = torch.randn(num, 3, *operator.backbone.tile_hw).to(device)
    timed = Timed(lambda: single(tiles), device)
    for _ in range(2):
        timed.turn()
    return timed.quartiles_s()[1] / num
