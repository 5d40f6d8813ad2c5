"""The interface of dense heads, and their training on feature maps that were extracted before."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from polyscale.errors import InputError
from polyscale.features import MapSource
from polyscale.learning.training import (
    Batches,
    TrainContext,
    TrainReport,
    TrainSettings,
    batch_indices,
    train,
)
from polyscale.learning.training.loop import PLAIN
from polyscale.types import HW

MapTensor: TypeAlias = Float[Tensor, "batch channels h w"]
"""Fused features of some images."""

MapBatch: TypeAlias = tuple[MapTensor, Tensor]
"""Maps, and labels (int64) or depth in metres (float32) of (batch, label_h, label_w)."""


@runtime_checkable
class DenseHead(Protocol):
    """A `torch.nn.Module` on fused multi-scale maps.

    For segmentation, `scores` has one output per class, the highest wins, and scores of several
    views of an image may be averaged. For depth it has one output, in metres.
    """

    def loss(self, maps: MapTensor, target: Tensor) -> Float[Tensor, ""]:
        """The quantity that training minimises.

        The target is (batch, label_h, label_w): labels, int64 with `IGNORED` (-1), or depth in
        metres, float32 with NaN. It covers the same part of the image, at any resolution.
        """
        ...

    def scores(self, maps: MapTensor, out_hw: HW) -> Float[Tensor, "batch num_outputs out_h out_w"]:
        """Scores of each pixel of an image of this size in pixels."""
        ...


def constructor_arguments(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The `config` of a head: the arguments of its constructor, in types that JSON knows.

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


class ChosenRows:
    """The maps, or the targets, of the samples at the indices."""

    def __init__(self, rows: Any, indices: NDArray[np.int64]) -> None:
        self._rows, self._indices = rows, indices

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Samples, height and width of the grid, channels: of maps."""
        _, height, width, channels = self._rows.shape
        return len(self), height, width, channels

    def __len__(self) -> int:
        return len(self._indices)

    def take(self, indices: NDArray[np.integer]) -> NDArray:
        """Those at the indices among the chosen."""
        return self._rows.take(self._indices[indices])


def train_head(
    head: nn.Module,
    batches: Batches[MapBatch],
    settings: TrainSettings,
    context: TrainContext = PLAIN,
) -> TrainReport:
    """Train a `DenseHead` in place on `cached_batches` or `online_batches`, see `train`."""
    assert isinstance(head, DenseHead), type(head)
    return train(head, _loss, batches, settings, context)


def _loss(head: nn.Module, batch: MapBatch) -> Tensor:
    return head.loss(*batch)  # type: ignore[operator]


def cached_batches(
    maps: Maps, targets: Targets, *, batch: int, seed: int, device: str = "cpu"
) -> Batches[MapBatch]:
    """Batches of features that were extracted before.

    Maps are not flipped: a flipped map is not the map of a flipped image. The order of images is
    that of `batch_indices`.

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
    """Maps in float32, channels last in memory, through which gradients can flow."""
    maps = maps.to(device).to(torch.float32, memory_format=torch.channels_last)
    return maps.clone() if maps.is_inference() else maps


def target_tensor(target: NDArray, device: str) -> Tensor:
    """A target as a tensor: labels as int64, depth as float32."""
    moved = torch.from_numpy(target).to(device)
    return moved.to(torch.float32 if moved.is_floating_point() else torch.int64)
