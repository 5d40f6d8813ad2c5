"""Time of one call."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import quantiles

import torch


@dataclass(frozen=True)
class Latency:
    """Time of one call in milliseconds: median and quartiles over the runs."""

    median_ms: float
    low_ms: float
    high_ms: float
    num_runs: int


def measure_latency(
    call: Callable[[], object],
    *,
    device: torch.device,
    num_warmup: int = 2,
    min_runs: int = 5,
    budget_s: float = 1.5,
) -> Latency:
    """Time synchronised calls, after a warm-up, until the budget is spent.

    Args:
        call: what is timed.
        device: where it runs; a GPU is waited for.
        num_warmup: calls before the first timed one.
        min_runs: timed calls at least, even past the budget.
        budget_s: seconds after which no further call is started.
    """
    for _ in range(num_warmup):
        _timed_ms(call, device)
    times: list[float] = []
    while len(times) < min_runs or sum(times) < budget_s * 1e3:
        times.append(_timed_ms(call, device))
    low, median, high = quantiles(times, n=4, method="inclusive")
    return Latency(median, low, high, len(times))


def _timed_ms(call: Callable[[], object], device: torch.device) -> float:
    start = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - start) * 1e3
