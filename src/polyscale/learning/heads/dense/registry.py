"""All dense heads by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from torch import nn

from polyscale.learning.heads.dense.depth import LinearDepthBins
from polyscale.learning.heads.dense.dpt import DptDepth
from polyscale.learning.heads.dense.fits import Fit
from polyscale.learning.heads.dense.logistic_fit import LogisticFit
from polyscale.learning.heads.dense.mask2former import Mask2FormerSegmentation
from polyscale.learning.heads.dense.neighbours import NeighbourFit, NeighbourSegmentation
from polyscale.learning.heads.dense.segmentation import LinearSegmentation
from polyscale.learning.heads.dense.upernet import UPerNetSegmentation
from polyscale.learning.heads.dense.vpd import VpdDepth
from polyscale.learning.training import TrainSettings


@dataclass(frozen=True, kw_only=True)
class HeadKind:
    """A kind of head, before its features are known.

    Attributes:
        make: `in_channels`, then `num_classes` or `min_depth_m` and `max_depth_m`, then the head's
            options, all by name → the module, whose attribute `config` holds these arguments in
            types that JSON knows, so that the head can be made again from a file.
        about: description.
        fit: its options by name → a `Fit`, which makes the head from kept maps in one go; None
            where there is none.
        training: default settings, where there is no fit or it is not wanted: images that are
            altered at every step allow none. None means that the head can only be fitted.
        packages: required packages of the extra `transformers`.
    """

    make: Callable[..., nn.Module]
    about: str
    fit: Callable[..., Fit] | None = None
    training: TrainSettings | None = None
    packages: tuple[str, ...] = ()


# A CPU trains upernet and mask2former at these sizes in minutes; the classes' own defaults are the
# sizes of the papers. The mIoU of mask2former on held-out training images of rooms, with
# EfficientNet-Lite0 at scales 1 and 2, was 0.19 after 500 steps and 0.32 after 1500 at a learning
# rate of 2e-3, 0.12 after 1500 at 4e-3, and 0.18 after 500 at 5e-4; with the settings below, 0.30.
SEGMENTATION_HEADS: Mapping[str, HeadKind] = {
    "linear": HeadKind(
        make=LinearSegmentation,
        training=TrainSettings(steps=300, batch=16, learning_rate=3e-3),
        about="One linear map of each cell, bilinear to the pixels",
    ),
    "upernet": HeadKind(
        make=partial(UPerNetSegmentation, channels=64),
        training=TrainSettings(steps=1200, batch=8, learning_rate=4e-3, warmup_steps=20),
        about="UPerNet on four levels made of one map, small",
        packages=("transformers",),
    ),
    "mask2former": HeadKind(
        make=partial(
            Mask2FormerSegmentation,
            channels=64,
            queries=40,
            decoder_layers=3,
            pixel_layers=2,
            feedforward=256,
            attention_heads=4,
            points=392,
        ),
        training=TrainSettings(
            steps=1500,
            batch=8,
            learning_rate=2e-3,
            weight_decay=0.05,
            warmup_steps=50,
            clip_norm=0.1,
        ),
        about="Mask2Former on four levels made of one map, small",
        packages=("transformers", "scipy"),
    ),
    "logistic": HeadKind(
        make=LinearSegmentation,
        fit=LogisticFit,
        about="The linear map, fitted to every pixel until it converges",
    ),
    "knn": HeadKind(
        make=NeighbourSegmentation,
        fit=NeighbourFit,
        about="Votes of the 20 nearest labelled cells by cosine",
    ),
}

DEPTH_HEADS: Mapping[str, HeadKind] = {
    "linear": HeadKind(
        make=LinearDepthBins,
        training=TrainSettings(steps=300),
        about="Batch norm and one linear layer to 256 bins of depth, as DINOv2 is judged",
    ),
    "dpt": HeadKind(
        make=DptDepth,
        training=TrainSettings(steps=300, learning_rate=2e-3, warmup_steps=20),
        about="The neck and head of Depth Anything (DPT), small; four levels from one map",
        packages=("transformers",),
    ),
    "vpd": HeadKind(
        make=VpdDepth,
        training=TrainSettings(steps=400, learning_rate=3e-3, weight_decay=0.1),
        about="The paper's decoder, VPD, small: three transposed convolutions",
    ),
}
