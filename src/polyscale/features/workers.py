"""Several pieces of work at once on a CPU, each with its share of the threads.

The threads of one operation wait for each other at its end, and the small operations of a network
hardly gain from a second thread. Pieces of work wait for nothing: two threads that run a piece
each are nearly twice as fast as two threads that run one piece after the other.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from queue import Empty, SimpleQueue
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

from polyscale.operator.backbones import model_dtype_device
from polyscale.operator.multiscale import MultiScale

MOST_WORKERS = 4
"""More share the tiles of a chunk, whose memory stays the same, into parts that are too small."""

TURN_S = 1.0
"""Longest time in seconds until a wait notices Ctrl-C."""

Result = TypeVar("Result")


def cpu_workers() -> int:
    """Pieces that run at once on the CPU: 1 where torch's threads cannot be shared out."""
    threads = torch.get_num_threads()
    return min(threads, MOST_WORKERS) if threads > 1 and _can_share() else 1


def threads_of_worker() -> int:
    """CPU threads that each of the workers has."""
    return torch.get_num_threads() // cpu_workers()


def share_out(module: MultiScale) -> tuple[MultiScale, int]:
    """The same operator with smaller chunks, and how many of it may run at once.

    Together they take as much memory as the operator does alone. One runs where it is on a GPU, is
    compiled, or has a number of tiles that the user chose, or where the memory is short.
    """
    config, (_, device) = module.config, model_dtype_device(module.backbone)
    num = cpu_workers()
    if num == 1 or device.type != "cpu" or config.compile or config.tile_batch != "auto":
        return module, 1
    with torch.inference_mode():
        tiles = module.tile_batch()
    return (module.with_options(tile_batch=tiles // num), num) if tiles >= num else (module, 1)


def worker_pool(num: int) -> ThreadPoolExecutor:
    """Threads that each compute with `threads_of_worker` threads of torch; others are as before."""
    return ThreadPoolExecutor(num, initializer=_limit, initargs=(threads_of_worker(),))


def result_of(future: Future[Result]) -> Result:
    """The same as `Future.result`, except that Ctrl-C always ends the wait, as in `next_of`."""
    done: SimpleQueue[Future[Result]] = SimpleQueue()
    future.add_done_callback(done.put)
    return next_of(done).result()


def next_of(found: SimpleQueue[Result]) -> Result:
    """Wait for the next item of a queue; Ctrl-C ends the wait within `TURN_S` seconds.

    Python checks for Ctrl-C just before it starts to wait. If Ctrl-C arrives between that check and
    the wait, Python notices it only after the wait. Therefore no single wait is long.
    """
    while True:
        with suppress(Empty):
            return found.get(timeout=TURN_S)


def _limit(num: int) -> bool:
    """Limit torch in the calling thread alone, which has its own limit in OpenMP."""
    torch.get_num_threads()  # torch sets the limit of a thread once; this comes after it
    threadpool_limits(num, user_api="openmp")
    return torch.get_num_threads() == num


@cache
def _can_share() -> bool:
    """Whether torch keeps to such a limit, which depends on how it was built."""
    return _in_a_thread(lambda: _limit(1))


def _in_a_thread(call: Callable[[], Result]) -> Result:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()
