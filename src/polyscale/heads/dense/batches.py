"""Which images a step trains on, and their maps and targets as tensors."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from polyscale.errors import InputError
from polyscale.heads.dense.head import Maps, Targets

Batch: TypeAlias = tuple[Float[Tensor, "batch channels h w"], Tensor]
"""Maps, and labels (int64) or depth (float32) of (batch, label_h, label_w)."""

Batches: TypeAlias = Callable[[int], Batch]
"""Step → its batch: a pure function, called in a thread, that leaves torch's own generators alone.

Therefore a resumed training sees the same batches as an unbroken one.
"""


def cached_batches(
    maps: Maps,
    targets: Targets,
    *,
    batch: int,
    seed: int,
    device: str = "cpu",
    prepare: Callable[[Tensor, Tensor], Batch] | None = None,
) -> Batches:
    """Batches of features that were extracted before.

    There are no flips: a flipped map is not the map of a flipped image.

    Args:
        maps: of all training images.
        targets: of the same.
        batch: images of each step, in the order of `chosen_images`.
        seed: of the order.
        device: where the tensors go.
        prepare: done to maps and target there, for example to standardise; may not be random.

    Raises:
        InputError: if there is not one target for each map.
    """
    if len(maps) != len(targets) or not len(maps):
        raise InputError(
            "targets must be as many as maps, at least one, "
            f"but got {len(targets)} and {len(maps)}."
        )

    def batch_of(step: int) -> Batch:
        chosen = chosen_images(step, num_images=len(maps), batch=batch, seed=seed)
        found = as_maps(torch.from_numpy(maps.take(chosen)).permute(0, 3, 1, 2), device)
        target = as_target(targets.take(chosen), device)
        return (found, target) if prepare is None else prepare(found, target)

    return batch_of


def chosen_images(step: int, *, num_images: int, batch: int, seed: int) -> NDArray[np.int64]:
    """Indices of a step's images (batch,).

    Epoch after epoch, each a shuffle of all images, in one line that is cut into batches: what is
    left at the end of an epoch begins the next batch. Every image comes equally often, but a batch
    that lies across two epochs may hold an image twice.
    """
    places = np.arange(step * batch, (step + 1) * batch)
    epochs = [_shuffled(num_images, seed, int(epoch)) for epoch in np.unique(places // num_images)]
    return np.concatenate(epochs)[places - places[0] // num_images * num_images]


@lru_cache(maxsize=4)
def _shuffled(num_images: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, epoch]).permutation(num_images)


def ahead(batches: Batches, steps: range) -> Generator[tuple[int, Batch], None, None]:
    """Each step with its batch; the next batch is made in a thread meanwhile."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(batches, steps.start) if steps else None
        for step in steps:
            assert coming is not None
            batch = coming.result()
            if step + 1 in steps:
                coming = maker.submit(batches, step + 1)
            yield step, batch


def as_maps(maps: Tensor, device: str) -> Float[Tensor, "batch channels h w"]:
    """float32, channels last in memory, of which a head may keep gradients."""
    maps = maps.to(device).to(torch.float32, memory_format=torch.channels_last)
    return maps.clone() if maps.is_inference() else maps


def as_target(target: NDArray, device: str) -> Tensor:
    """Labels as int64, depth as float32."""
    moved = torch.from_numpy(target).to(device)
    return moved.to(torch.float32 if moved.is_floating_point() else torch.int64)
