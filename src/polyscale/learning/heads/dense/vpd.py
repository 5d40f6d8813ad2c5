"""The paper's depth head: three transposed convolutions."""

from itertools import pairwise

from torch import nn

from polyscale.errors import InputError
from polyscale.learning.heads.dense.depth import Coarse, DepthHead, sigmoid_metres
from polyscale.learning.heads.dense.train import MapTensor, constructor_arguments
from polyscale.learning.training import TrainSettings

VPD_PAPER = {"feature_channels": 1536, "deconv_channels": 32, "channels": 192, "upsample": 4}
"""Options of mmsegmentation's configuration `vpd_sd_4xb8-25k_nyu-512x512`, which the paper uses."""

VPD_PAPER_TRAINING = TrainSettings(
    steps=25_000,
    batch=32,
    learning_rate=1e-3,
    weight_decay=0.1,
    warmup_steps=12_000,
    schedule="poly",
    checkpoint_every=1000,
)
"""Training of the same configuration, in which the learning rate starts and ends at 3 % of its
highest value instead of 0, and reaches its end a thousand steps before the last."""

NUM_DECONV = 3


class VpdDepth(DepthHead):
    """The decoder of VPD on one map.

    Zhao et al., "Unleashing text-to-image diffusion models for visual perception", ICCV 2023: three
    transposed convolutions of stride 2 with batch norm and ReLU, a 3×3 convolution, upsampling,
    two more convolutions, a sigmoid. There a 1×1 convolution joins four levels of a diffusion
    model to one map; here it joins the scales, after channels were standardised.

    Args:
        feature_channels: of the joined map; a multiple of 16, the number of groups of its norm.
        deconv_channels: of each transposed convolution.
        channels: of the convolutions after them.
        upsample: factor by which the map grows between these convolutions; each side of a cell
            becomes 8 × `upsample` predictions.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        min_depth_m: float,
        max_depth_m: float,
        feature_channels: int = 128,
        deconv_channels: int = 32,
        channels: int = 32,
        upsample: int = 1,
    ) -> None:
        config = constructor_arguments(locals())
        super().__init__(min_depth_m, max_depth_m)
        self.config = config
        if feature_channels % 16:
            raise InputError(
                f"feature_channels must be a multiple of 16, but got {feature_channels}."
            )
        widths = [feature_channels] + [deconv_channels] * NUM_DECONV
        self.layers = nn.Sequential(
            nn.BatchNorm2d(in_channels, affine=False),
            nn.Conv2d(in_channels, feature_channels, 1),
            nn.GroupNorm(16, feature_channels),
            nn.ReLU(),
            *(_twice(a, b) for a, b in pairwise(widths)),
            # a bias before a batch norm does nothing
            nn.Conv2d(deconv_channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Upsample(scale_factor=upsample, mode="bilinear", align_corners=False),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, 1, 3, padding=1),
        )

    def forward(self, maps: MapTensor) -> Coarse:
        """Depth in metres; each side of a cell becomes 8 × `upsample` predictions."""
        return sigmoid_metres(self.layers(maps), *self.range_m)


def _twice(in_channels: int, out_channels: int) -> nn.Module:
    return nn.Sequential(
        nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )
