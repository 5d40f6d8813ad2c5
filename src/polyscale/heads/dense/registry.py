"""Every head by its name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from polyscale.heads.dense.bins import LinearDepthBins
from polyscale.heads.dense.dpt import DptDepth
from polyscale.heads.dense.settings import TrainSettings
from polyscale.heads.dense.vpd import VpdDepth


@dataclass(frozen=True, kw_only=True)
class HeadKind:
    """A head before it knows its features.

    Attributes:
        make: `in_channels`, then `num_classes` or `min_depth_m` and `max_depth_m`, then options of
            its own, all by name → the module, whose attribute `config` holds these arguments as
            JSON does, so that a file can make it again.
        training: how it is trained unless the user says otherwise; None is fitted in one go.
        about: what it is, in words.
    """

    make: Callable[..., nn.Module]
    training: TrainSettings | None
    about: str


SEGMENTATION_HEADS: Mapping[str, HeadKind] = {}

DEPTH_HEADS: Mapping[str, HeadKind] = {
    "linear": HeadKind(
        make=LinearDepthBins,
        training=TrainSettings(steps=300),
        about="Batch norm and one linear layer to 256 bins of depth, as DINOv2 is judged.",
    ),
    "dpt": HeadKind(
        make=DptDepth,
        training=TrainSettings(steps=300, learning_rate=2e-3, warmup_steps=20),
        about="The neck and head of Depth Anything (DPT), small; four levels from one map.",
    ),
    "vpd": HeadKind(
        make=VpdDepth,
        training=TrainSettings(steps=400, learning_rate=3e-3, weight_decay=0.1),
        about="The paper's decoder, VPD, small: three transposed convolutions.",
    ),
}
