"""What the benchmarks share: contenders that take turns, and the record."""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import torch

from polyscale.studies.environment import versions

MALLOC = "glibc.malloc.mmap_threshold=4000000000:glibc.malloc.trim_threshold=8000000000"


def keep_freed_memory() -> None:
    """Start this program again with an allocator that keeps what is freed.

    By default glibc hands every large tensor back to the system, and the page faults of the next
    one may double a convolution's time, for whichever contender comes at the wrong moment.
    """
    if sys.platform == "linux" and "GLIBC_TUNABLES" not in os.environ:
        environment = os.environ | {"GLIBC_TUNABLES": MALLOC}
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)  # noqa: S606


def take_turns(
    calls: dict[str, Callable[[], object]],
    turns: int,
    *,
    warmup: int = 1,
    gradients: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each call in each turn, A B C A B C, after turns of warm-up.

    Where others take most of the processor, `clock=time.process_time` counts what is ours.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    with torch.inference_mode(not gradients):
        for turn in range(warmup + turns):
            for name, call in calls.items():
                synchronise()
                start = clock()
                call()
                synchronise()
                if turn >= warmup:
                    times[name].append(clock() - start)
    return times


def median_ratio(first: list[float], second: list[float]) -> float:
    """Median over the turns of how much longer the first takes than the second."""
    return round(statistics.median(a / b for a, b in zip(first, second, strict=True)), 3)


def synchronise() -> None:
    """Wait for the GPU, where there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def show(row: dict[str, object]) -> dict[str, object]:
    """Print a row as soon as it is measured."""
    print(json.dumps(row), flush=True)
    return row


def write_record(path: Path | None, rows: list[dict[str, object]], **facts: object) -> None:
    """Rows with the date, the hardware and the versions."""
    record = {
        "date": date.today().isoformat(),
        "versions": versions(),
        "malloc": os.environ.get("GLIBC_TUNABLES", "default"),
        **facts,
        "rows": rows,
    }
    if path:
        path.write_text(json.dumps(record, indent=1) + "\n")
