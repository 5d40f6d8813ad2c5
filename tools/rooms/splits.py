"""The splits: how many samples, which labels in which order, and their rows."""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing import get_context
from typing import Any

import numpy as np
from tools.rooms.classes import TARGET_KINDS
from tools.rooms.encode import encode
from tools.rooms.sample import draw_sample

# The number enters the seed of every sample, so no two splits share a random stream.
SPLITS = {"train": 0, "test": 1}


def labels(seed: int, split: str, num: int) -> list[int]:
    """Balanced labels in random order; class counts differ by one at most."""
    ordered = np.arange(num) % len(TARGET_KINDS)
    return [int(v) for v in np.random.default_rng([seed, SPLITS[split]]).permutation(ordered)]


def make_row(task: tuple[int, str, int, int]) -> dict[str, Any]:
    """Row of (seed, split, index, label)."""
    seed, split, index, label = task
    sample = draw_sample(seed, SPLITS[split], index, label)
    return encode(sample, f"{split}_{index:04d}")


def make_rows(seed: int, split: str, num: int, num_workers: int) -> Iterator[dict[str, Any]]:
    """Rows in order; each is drawn from its own seed, so the number of workers changes nothing."""
    tasks = [(seed, split, index, label) for index, label in enumerate(labels(seed, split, num))]
    if num_workers == 1:
        yield from map(make_row, tasks)
        return
    with get_context("spawn").Pool(num_workers, maxtasksperchild=100) as pool:
        yield from pool.imap(make_row, tasks)
