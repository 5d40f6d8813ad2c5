"""Every head by its name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from polyscale.heads.dense.settings import TrainSettings


@dataclass(frozen=True, kw_only=True)
class HeadKind:
    """A head before it knows its features.

    Attributes:
        make: `in_channels`, then `num_classes` or `min_depth_m` and `max_depth_m`, then options of
            its own, all by name → the module, whose attribute `config` holds these arguments as
            JSON does, so that a file can make it again.
        training: how it is trained unless the user says otherwise; None is fitted in one go.
        about: what it is, in words.
        packages: that it needs from the extra `transformers`.
    """

    make: Callable[..., nn.Module]
    training: TrainSettings | None
    about: str
    packages: tuple[str, ...] = ()


SEGMENTATION_HEADS: Mapping[str, HeadKind] = {}

DEPTH_HEADS: Mapping[str, HeadKind] = {}
