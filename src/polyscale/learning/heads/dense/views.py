"""Views of an image at test time: all of it, or squares along its longer side; also mirrored."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from polyscale.checks import check_choice, is_number
from polyscale.errors import InputError
from polyscale.types import HW

Windows = Literal["whole", "slide"]


@dataclass(frozen=True, kw_only=True)
class ViewSettings:
    """Which views of an image are predicted and averaged.

    Attributes:
        windows: "whole" squashes the image to the shape that the backbone takes; "slide" keeps the
            shape of its content by cutting squares as large as the shorter side.
        overlap: smallest overlap of neighbouring squares, as a share of their side: from 0 to below
            1.
        flip: whether each view is also mirrored, which doubles the cost.
    """

    windows: Windows = "whole"
    overlap: float = 1 / 3
    flip: bool = False

    def __post_init__(self) -> None:
        check_choice("windows", self.windows, get_args(Windows))
        if not (is_number(self.overlap) and 0 <= self.overlap < 1):
            raise InputError(f"overlap must be from 0 to below 1, but got {self.overlap!r}.")


@dataclass(frozen=True)
class View:
    """A part of an image.

    Attributes:
        box_yxyx: top, left, bottom and right in pixels.
        flipped: whether left and right are swapped.
    """

    box_yxyx: tuple[int, int, int, int]
    flipped: bool = False

    @property
    def hw(self) -> HW:
        """Height and width in pixels."""
        top, left, bottom, right = self.box_yxyx
        return bottom - top, right - left

    def on(self, resized_hw: HW, image_hw: HW) -> "View":
        """The same part of the image after the image was resized."""
        y, x = (new / old for new, old in zip(resized_hw, image_hw, strict=True))
        top, left, bottom, right = self.box_yxyx
        box = (round(top * y), round(left * x), round(bottom * y), round(right * x))
        return View(box, self.flipped)


def views_of(image_hw: HW, settings: ViewSettings) -> tuple[View, ...]:
    """The views of an image of this size; together they cover it."""
    height, width = image_hw
    if settings.windows == "whole":
        boxes = [(0, 0, height, width)]
    else:
        side = min(height, width)
        starts = _starts(max(height, width), side, settings.overlap)
        boxes = [
            (s, 0, s + side, width) if height > width else (0, s, height, s + side) for s in starts
        ]
    flips = (False, True) if settings.flip else (False,)
    return tuple(View(box, flipped) for box, flipped in product(boxes, flips))


def cut(image: Image.Image, view: View) -> Image.Image:
    """The part of an image that a view shows."""
    top, left, bottom, right = view.box_yxyx
    part = image.crop((left, top, right, bottom))
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if view.flipped else part


def merge_scores(
    image_hw: HW, views: Sequence[View], scores: Sequence[Float[Tensor, "num_outputs h w"]]
) -> Float[Tensor, "num_outputs height width"]:
    """Scores of the whole image: for each pixel, the mean over the views that show it.

    The scores of each view have its size in pixels, and the views together cover the image.
    """
    total = torch.zeros(len(scores[0]), *image_hw, device=scores[0].device)
    num_views = torch.zeros(image_hw, device=total.device)
    for view, part in zip(views, scores, strict=True):
        top, left, bottom, right = view.box_yxyx
        total[:, top:bottom, left:right] += part.flip(-1) if view.flipped else part
        num_views[top:bottom, left:right] += 1
    return total / num_views


def _starts(length: int, side: int, overlap: float) -> list[int]:
    """Where squares start: evenly spread, as few as the overlap allows."""
    if length == side:
        return [0]
    stride = max(1, math.floor(side * (1 - overlap) + 1e-9))  # 480 · ⅔ is 320, not 319.99…
    gaps = math.ceil((length - side) / stride)
    return [i * (length - side) // gaps for i in range(gaps + 1)]
