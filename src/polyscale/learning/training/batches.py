"""Which examples a step trains on, and reading them ahead in threads."""

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")
Batch = TypeVar("Batch")

Batches: TypeAlias = Callable[[int], Batch]
"""Step → its batch: a pure function that leaves torch's own random generators alone.

Therefore a resumed training sees the same batches as one that was never interrupted. A plain
function is called in a thread and should be quick, since an interruption waits for it; batches
that take long are `ItemBatches`.
"""

GROUPS = 16
"""Groups of examples that are shuffled together."""

READERS = 4
"""Number of threads that read items, where nothing else is said."""


@dataclass(frozen=True)
class ItemBatches(Generic[Item, Batch]):
    """Batches whose items are read one by one in threads, and put together where training runs.

    An interruption waits for the items that are being read, never for the rest of the batch.

    Attributes:
        size: number of items in each batch.
        read: step and place in the batch → one item; called in threads.
        collate: the items of a batch, in order → the batch; called in the thread that trains, so
            that it may run a model.
    """

    size: int
    read: Callable[[int, int], Item]
    collate: Callable[[list[Item]], Batch]

    def __call__(self, step: int) -> Batch:
        """The batch of a step."""
        return self.collate([self.read(step, place) for place in range(self.size)])


def batch_indices(
    step: int, *, num_examples: int, batch: int, seed: int, group_sizes: tuple[int, ...] = ()
) -> NDArray[np.int64]:
    """Indices of the examples of a step (batch,), counted from step 0.

    Every epoch is a shuffle of all examples. Epochs follow one another without a gap: what is left
    at the end of one begins the next batch. Every example comes equally often, but a batch that
    lies across two epochs may hold an example twice.

    Examples that lie together on a slow disk are groups, of these sizes, in order. Then the groups
    are shuffled, and within each 16 of them the examples, so that few are read from at a time.
    """
    epochs, places = np.divmod(np.arange(step * batch, (step + 1) * batch), num_examples)
    return np.concatenate(
        [
            _shuffled(num_examples, seed, int(epoch), group_sizes)[places[epochs == epoch]]
            for epoch in np.unique(epochs)
        ]
    )


@lru_cache(maxsize=4)
def _shuffled(
    num_examples: int, seed: int, epoch: int, group_sizes: tuple[int, ...]
) -> NDArray[np.int64]:
    generator = np.random.default_rng([seed, epoch])
    if len(group_sizes) <= GROUPS:
        return generator.permutation(num_examples)
    groups = np.split(np.arange(num_examples), np.cumsum(group_sizes)[:-1])
    order = generator.permutation(len(groups))
    together = [order[first : first + GROUPS] for first in range(0, len(order), GROUPS)]
    return np.concatenate(
        [generator.permutation(np.concatenate([groups[g] for g in some])) for some in together]
    )


def read_ahead(
    batches: Batches[Batch], steps: range, readers: int = READERS
) -> Generator[tuple[int, Batch], None, None]:
    """Each step with its batch, while threads, `readers` of them, read the next one.

    Closing the generator cancels what was not begun, and waits for what was: at most one item in
    each thread, or one batch of a plain function.
    """
    threads = ThreadPoolExecutor(readers)

    def begin(step: int) -> list[Future[Any]]:
        if isinstance(batches, ItemBatches):
            return [threads.submit(batches.read, step, place) for place in range(batches.size)]
        return [threads.submit(batches, step)]

    try:
        reading = begin(steps.start) if steps else []
        for step in steps:
            items = [future.result() for future in reading]
            reading = begin(step + 1) if step + 1 in steps else []
            yield step, batches.collate(items) if isinstance(batches, ItemBatches) else items[0]
    finally:
        threads.shutdown(cancel_futures=True)
