"""Dense prediction transformer: four levels fused from coarse to fine."""

from typing import Any

import torch
from torch import nn

from polyscale.errors import InputError, require
from polyscale.learning.heads.dense.depth import Coarse, DepthHead, sigmoid_metres
from polyscale.learning.heads.dense.train import MapTensor, constructor_arguments


class DptDepth(DepthHead):
    """The neck and head of Depth Anything, as transformers builds them, with metric depth.

    Ranftl et al., "Vision transformers for dense prediction", ICCV 2021; Yang et al., "Depth
    Anything", CVPR 2024. There the four levels come from four depths of the model. Here there is
    one map of all scales, so each level is made from it by a projection of its own, at 4, 2, 1 and
    ½ times the grid. Channels are standardised first. Depth is the smallest depth plus a sigmoid
    times the range.

    Args:
        neck_channels: of the four levels, from fine to coarse.
        fusion_channels: of the levels when they are joined; even.
        head_channels: of the last hidden layer.
        cell_px: number of predictions along each side of a cell; fusion itself ends at 8.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        min_depth_m: float,
        max_depth_m: float,
        neck_channels: tuple[int, ...] = (24, 48, 96, 96),
        fusion_channels: int = 32,
        head_channels: int = 16,
        cell_px: int = 8,
    ) -> None:
        config = constructor_arguments(locals())
        super().__init__(min_depth_m, max_depth_m)
        self.config = config
        if len(neck_channels) != 4:
            raise InputError(f"neck_channels must be four numbers, but got {neck_channels}.")
        self.standardise = nn.BatchNorm2d(in_channels, affine=False)
        self.neck, self.head = _depth_anything(self.config)

    def forward(self, maps: MapTensor) -> Coarse:
        """Depth in metres; each side of a cell becomes `cell_px` predictions."""
        h, w = maps.shape[-2:]
        cells = self.standardise(maps).flatten(2).transpose(1, 2)
        # the neck drops the first token of each level: the CLS token of a ViT
        tokens = torch.cat([torch.zeros_like(cells[:, :1]), cells], dim=1)
        logits = self.head(self.neck([tokens] * 4, h, w), h, w)
        return sigmoid_metres(logits[:, None], *self.range_m)


def _depth_anything(config: dict[str, Any]) -> tuple[nn.Module, nn.Module]:
    """The neck, and the head without its last function, which `forward` applies."""
    require("transformers", extra="transformers", feature="the head 'dpt'")
    from transformers import DepthAnythingConfig
    from transformers.models.depth_anything import modeling_depth_anything as depth_anything

    settings = DepthAnythingConfig(
        patch_size=config["cell_px"],
        reassemble_hidden_size=config["in_channels"],
        neck_hidden_sizes=config["neck_channels"],
        fusion_hidden_size=config["fusion_channels"],
        head_hidden_size=config["head_channels"],
        depth_estimation_type="metric",
    )
    neck = depth_anything.DepthAnythingNeck(settings)
    # the coarsest level has nothing coarser to be joined to: these weights would never be used
    neck.fusion_stage.layers[0].residual_layer1 = nn.Identity()
    head = depth_anything.DepthAnythingDepthEstimationHead(settings)
    head.activation2 = nn.Identity()
    return neck, head
