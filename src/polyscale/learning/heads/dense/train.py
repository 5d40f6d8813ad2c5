"""What a dense head is, and its training on feature maps that were extracted before."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from polyscale.errors import InputError
from polyscale.features import MapSource
from polyscale.learning.training import Batches, TrainReport, TrainSettings, batch_indices, train
from polyscale.types import HW, Progress, silent

MapTensor: TypeAlias = Float[Tensor, "batch channels h w"]
"""Fused features of some images."""

MapBatch: TypeAlias = tuple[MapTensor, Tensor]
"""Maps, and labels (int64) or depth in metres (float32) of (batch, label_h, label_w)."""


@runtime_checkable
class DenseHead(Protocol):
    """A `torch.nn.Module` on fused multi-scale maps.

    `num_outputs` of `scores` is the number of classes for segmentation, where the highest score
    wins and scores of several views of an image may be averaged; and 1 for depth, in metres.
    """

    def loss(self, maps: MapTensor, target: Tensor) -> Float[Tensor, ""]:
        """What training minimises.

        Args:
            maps: fused features.
            target: labels (batch, label_h, label_w), int64 with `IGNORED` (-1), or depth in metres,
                float32 with NaN; of the same extent as the maps, of any size.
        """
        ...

    def scores(self, maps: MapTensor, out_hw: HW) -> Float[Tensor, "batch num_outputs out_h out_w"]:
        """Scores of each pixel of an image of this size.

        Args:
            maps: fused features.
            out_hw: in pixels.
        """
        ...


def constructor_arguments(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The `config` of a head: what its constructor was given, as JSON has it.

    Args:
        variables: `locals()` in the first line of the constructor.
    """
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in variables.items()
        if name not in ("self", "__class__")
    }


Maps: TypeAlias = MapSource
"""Feature maps of many images, which need not fit into memory."""


class Targets(Protocol):
    """Targets of the same images."""

    def __len__(self) -> int:
        """Number of images."""
        ...

    def take(self, indices: NDArray[np.integer]) -> NDArray:
        """Targets of these images (num, label_h, label_w): int16 labels, or float32 metres."""
        ...


def train_head(
    head: nn.Module,
    batches: Batches[MapBatch],
    settings: TrainSettings,
    *,
    device: str = "cpu",
    dtype: str = "fp32",
    checkpoint: Path | None = None,
    fingerprint: str = "",
    progress: Progress = silent,
    step: str = "head",
) -> TrainReport:
    """Train a `DenseHead` in place; all arguments are those of `polyscale.learning.training.train`.

    Args:
        head: with its initial weights.
        batches: for example `cached_batches` or `online_batches`.
        settings: of the training.
        device: where.
        dtype: precision.
        checkpoint: a file to resume from if it exists.
        fingerprint: of everything that the batches depend on.
        progress: told the steps that are done.
        step: how progress and errors call the head.
    """
    assert isinstance(head, DenseHead), type(head)
    return train(
        head,
        _loss,
        batches,
        settings,
        device=device,
        dtype=dtype,
        checkpoint=checkpoint,
        fingerprint=fingerprint,
        progress=progress,
        step=step,
    )


def _loss(head: nn.Module, batch: MapBatch) -> Tensor:
    assert isinstance(head, DenseHead)
    return head.loss(*batch)


def cached_batches(
    maps: Maps, targets: Targets, *, batch: int, seed: int, device: str = "cpu"
) -> Batches[MapBatch]:
    """Batches of features that were extracted before.

    There are no flips: a flipped map is not the map of a flipped image.

    Args:
        maps: of all training images.
        targets: of the same.
        batch: images of each step, in the order of `batch_indices`.
        seed: of the order.
        device: where the tensors go.

    Raises:
        InputError: if there is not one target for each map.
    """
    if len(maps) != len(targets) or not len(maps):
        raise InputError(
            "targets must be as many as maps, at least one, "
            f"but got {len(targets)} and {len(maps)}."
        )

    def read(step: int) -> MapBatch:
        chosen = batch_indices(step, num_examples=len(maps), batch=batch, seed=seed)
        taken = torch.from_numpy(maps.take(chosen)).permute(0, 3, 1, 2)
        return maps_tensor(taken, device), target_tensor(targets.take(chosen), device)

    return read


def maps_tensor(maps: Tensor, device: str) -> MapTensor:
    """float32, channels last in memory, of which a head may keep gradients."""
    maps = maps.to(device).to(torch.float32, memory_format=torch.channels_last)
    return maps.clone() if maps.is_inference() else maps


def target_tensor(target: NDArray, device: str) -> Tensor:
    """Labels as int64, depth as float32."""
    moved = torch.from_numpy(target).to(device)
    return moved.to(torch.float32 if moved.is_floating_point() else torch.int64)
