"""Backbone, scales and head in one: image → a prediction for every pixel."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt

import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from polyscale.learning.heads.dense.views import View, ViewSettings, cut, merge_scores, views_of
from polyscale.operator.cost import TileCost, count_call, count_plan
from polyscale.operator.multiscale import MultiScale
from polyscale.types import HW

SCORES_BYTES = 256 * 2**20
"""What the scores of one image may take; those of larger images are made smaller and enlarged."""

VIEWS = 16
"""Views of a picture at once: a very wide one has hundreds."""


@dataclass(frozen=True)
class Outputs(ABC):
    """What scores of pixels mean.

    Attributes:
        num_outputs: scores of a pixel.
        class_names: in the order of the labels; empty where there are no classes.
    """

    num_outputs: int
    class_names: tuple[str, ...] = ()

    @abstractmethod
    def predict(self, scores: Float[Tensor, "batch num_outputs h w"], out_hw: HW) -> NDArray:
        """Scores → the prediction of each pixel (batch, out_h, out_w); bilinear in between."""

    @abstractmethod
    def grey(self, predicted: NDArray) -> NDArray:
        """A prediction (h, w) as a grey picture that holds its numbers, 8 or 16 bits."""

    @abstractmethod
    def colour(self, predicted: NDArray) -> NDArray:
        """A prediction (h, w) as an RGB picture to look at."""

    @abstractmethod
    def legend(self, predicted: NDArray) -> list[tuple[str, tuple[int, ...]]]:
        """What the colours of a prediction (h, w) mean: words, and (red, green, blue) to 255."""


class DensePredictor(nn.Module):
    """What runs for an image: views of it, their maps, the head, and the mean over the views.

    Args:
        module: backbone and scales.
        head: made for its maps, a `DenseHead`.
        views: how an image is cut.
        outputs: what the scores mean.
    """

    def __init__(
        self, module: MultiScale, head: nn.Module, views: ViewSettings, outputs: Outputs
    ) -> None:
        super().__init__()
        self.module, self.head, self.views, self.outputs = module, head, views, outputs

    @property
    def in_channels(self) -> int:
        """Channels of the maps that the head takes."""
        return self.module.out_channels

    def forward(self, images: Float[Tensor, "batch 3 h w"]) -> list[NDArray]:
        """Labels or metres of every pixel.

        Args:
            images: normalised by the backbone's mean and std, of one size.
        """
        image_hw = (images.shape[-2], images.shape[-1])
        views = views_of(image_hw, self.views)
        maps = torch.stack([self.module(_part(images, view)).map for view in views], dim=1)
        return [predict_pixels(self.head, each, views, image_hw, self.outputs) for each in maps]

    def predict(self, image: Image.Image) -> NDArray:
        """Labels or metres (h, w) of an 8-bit RGB picture of any size."""
        image_hw = (image.height, image.width)
        views = views_of(image_hw, self.views)
        maps = []
        with torch.inference_mode():
            for start in range(0, len(views), VIEWS):
                parts = [cut(image, view) for view in views[start : start + VIEWS]]
                maps.append(self.module(self.module.preprocess(parts)).map)
            return predict_pixels(self.head, torch.cat(maps), views, image_hw, self.outputs)

    def counted(self, image_hw: HW) -> TileCost:
        """Parameters, and operations for an image of this size."""
        views, plan = views_of(image_hw, self.views), self.module.plan
        tiles = count_plan(self.module.backbone, plan)
        head = count_scores(self.head, self.module.out_channels, plan.grid_hw, views[0].hw)
        return TileCost(
            params=tiles.params + head.params,
            macs=(tiles.macs + head.macs) * len(views),
        )


@torch.inference_mode()
def predict_pixels(
    head: nn.Module,
    maps: Float[Tensor, "views channels grid_h grid_w"],
    views: Sequence[View],
    image_hw: HW,
    outputs: Outputs,
) -> NDArray:
    """Labels or metres (h, w) of an image, from the maps of its views."""
    maps = maps.float()
    shrink = min(1.0, sqrt(SCORES_BYTES / (4 * outputs.num_outputs * prod(image_hw))))
    height, width = (max(1, round(side * shrink)) for side in image_hw)
    small_hw = (height, width)
    if len(views) == 1 and not views[0].flipped:
        coarse = getattr(head, "cell_scores", None)  # scores are these, enlarged
        scores = coarse(maps) if coarse else head.scores(maps, small_hw)  # type: ignore[operator]
        return outputs.predict(scores, image_hw)[0]
    small = [view.on(small_hw, image_hw) for view in views]
    parts = [
        head.scores(each[None], view.hw)[0]  # type: ignore[operator]
        for each, view in zip(maps, small, strict=True)
    ]
    return outputs.predict(merge_scores(small_hw, small, parts)[None], image_hw)[0]


def count_scores(head: nn.Module, channels: int, grid_hw: HW, out_hw: HW) -> TileCost:
    """What a head costs for one map of so many channels and cells."""
    return count_call(_Scores(head, out_hw), (1, channels, *grid_hw))


class _Scores(nn.Module):
    """A head's scores as a call of one tensor."""

    def __init__(self, head: nn.Module, out_hw: HW) -> None:
        super().__init__()
        self.head, self.out_hw = head, out_hw

    def forward(self, maps: Tensor) -> Tensor:
        return self.head.scores(maps, self.out_hw)  # type: ignore[operator]


def _part(images: Tensor, view: View) -> Tensor:
    top, left, bottom, right = view.box_yxyx
    part = images[..., top:bottom, left:right]
    return part.flip(-1) if view.flipped else part
