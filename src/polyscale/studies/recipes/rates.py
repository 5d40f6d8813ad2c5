"""How long a call takes."""

import time
from collections.abc import Callable
from statistics import median

import torch


def seconds(call: Callable[[], object], device: torch.device) -> float:
    """Median of five calls after one."""
    call()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return median(times)
