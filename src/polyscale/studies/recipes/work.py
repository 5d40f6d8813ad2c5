"""What there is to do for a recipe: the numbers in which tasks differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from polyscale.types import HW


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Of a data set.

    Attributes:
        num_train: images.
        num_test: images.
        num_classes: 0 where there are none.
        image_hw: size of a typical image in pixels.
    """

    num_train: int
    num_test: int
    num_classes: int
    image_hw: HW


@dataclass(frozen=True)
class Tile:
    """What a model gives for one tile.

    Attributes:
        dim: channels.
        has_cls: whether a class token comes with them.
        grid_hw: cells of the map.
    """

    dim: int
    has_cls: bool
    grid_hw: HW


@dataclass(frozen=True)
class Held:
    """What is held of a checkpoint while its candidates learn.

    Attributes:
        tile: what it gives.
        num_scales: different ones of all its candidates.
        num_joined: scales of the candidate that has most.
    """

    tile: Tile
    num_scales: int
    num_joined: int


class Work(Protocol):
    """How often models run, and what heads add, for the settings of a task on some images."""

    @property
    def split(self) -> bool:
        """Whether scales are cut into tiles."""
        ...

    @property
    def kept_images(self) -> int:
        """Images, or views of them, whose features are made once for each scale, and kept."""
        ...

    @property
    def trained_images(self) -> int:
        """Images that run anew for each candidate."""
        ...

    def images_read(self, num_checkpoints: int, num_candidates: int) -> int:
        """Images that are decoded over the run."""
        ...

    def columns(self, tile: Tile, num_scales: int) -> int:
        """Features, or channels of the map, that a head sees."""
        ...

    def kept_bytes(self, tile: Tile) -> int:
        """Features of one image at one scale on the disk."""
        ...

    def head_macs(self, tile: Tile, num_scales: int) -> float:
        """Multiply-adds of the head of a candidate over the run, for training and test."""
        ...

    def memory_bytes(self, held: Sequence[Held], num_candidates: int) -> int:
        """What features take in memory at the peak, about."""
        ...

    def head_macs_per_s(self, device: torch.device) -> float | None:
        """Measured in a second; None where heads are as fast as backbones."""
        ...

    def trial(self, memory_bytes: int) -> str:
        """How to try it small, in words."""
        ...

    def advice(self, memory_bytes: int, there_bytes: int) -> str:
        """What to do where memory does not hold it."""
        ...
