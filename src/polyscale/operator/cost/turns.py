"""Time of calls that take turns, so that a machine's moods meet all candidates alike."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import quantiles

import torch


@dataclass(frozen=True)
class Times:
    """Median and quartiles over runs, and how many there were."""

    median: float
    low: float
    high: float
    num_runs: int


class Timed:
    """A call that is timed a little in each turn.

    Args:
        call: what is timed.
        device: where it runs; a GPU is waited for.
        turn_s: seconds after which no further call is started in a turn.
    """

    def __init__(self, call: Callable[[], object], *, device: torch.device, turn_s: float) -> None:
        self._call, self._device, self._turn_s = call, device, turn_s
        self._seconds: list[float] = []

    def turn(self) -> None:
        """Call again and again, once at least.

        The first call is not counted where it is the first of all, or where a turn has several:
        caches hold what ran before, which matters to short calls.
        """
        if not self._seconds or self._seconds[-1] < self._turn_s:
            self._once()
        spent = 0.0
        while not spent or spent < self._turn_s:
            seconds = self._once()
            self._seconds.append(seconds)
            spent += seconds

    def times(self) -> Times:
        """In seconds, over all turns."""
        if len(self._seconds) < 2:
            raise AssertionError("quartiles need two runs")
        low, median, high = quantiles(self._seconds, n=4, method="inclusive")
        return Times(median, low, high, len(self._seconds))

    def _once(self) -> float:
        start = time.perf_counter()
        self._call()
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter() - start
