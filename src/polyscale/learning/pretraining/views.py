"""Pictures → training batches: crops of one size, drawn anew in every epoch.

Every item depends only on the seed, the step and its place in the batch. A training that continues,
or that runs in several processes, therefore sees the same crops.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from PIL import Image
from torch import Tensor

from polyscale.data import ClassificationData, TrainingData
from polyscale.learning.pretraining.settings import Augmentation, PretrainSettings
from polyscale.learning.training import ItemBatches, Processes, batch_indices
from polyscale.types import HW, Backbone

Areas = tuple[float, float]
"""Smallest and largest share of a picture's area that a crop shows."""

ASPECT = 4 / 3
"""Largest aspect ratio of crops, as usual since GoogLeNet (arXiv 1409.4842)."""

TRIES = 10
"""Number of random crops that are tried; if none fits into the picture, all of it is used."""

JITTER = {"adjust_brightness": 0.4, "adjust_contrast": 0.4, "adjust_saturation": 0.2}
"""Colour jitter as in DINO: random factors of 1 ± this value. The hue shifts by up to ± `HUE`."""

HUE, JITTER_SHARE, GREY_SHARE, BLUR_SHARE = 0.1, 0.8, 0.2, 0.5


class PretrainBatch(NamedTuple):
    """The batch of a step.

    Attributes:
        step: number of the step, from 0.
        views: views of each image, normalised, on the device of the process.
        labels: index of each image's class.
    """

    step: int
    views: Float[Tensor, "batch views channels h w"]
    labels: Int64[Tensor, " batch"]


Item = tuple[int, UInt8[Tensor, "views channels h w"], int]
"""Step, views of an image, and its class."""


def image_batches(
    data: ClassificationData | TrainingData,
    settings: PretrainSettings,
    areas: Sequence[Areas],
    backbone: Backbone,
    image_hw: HW,
    processes: Processes,
) -> ItemBatches[Item, PretrainBatch]:
    """Make the batches of this process.

    Args:
        data: the data set, of which only training images are used.
        settings: of the training.
        areas: range of the area of each view of an image.
        backbone: says the number of channels, the mean and the std of the views.
        image_hw: height and width of the views, in pixels.
        processes: the processes that share each batch.

    Raises:
        InputError: if the processes cannot share a batch evenly.
    """
    images, groups = data.train, getattr(data, "group_sizes", ())
    size = processes.share_of(settings.batch)
    first, device = processes.rank * size, processes.device
    mean, std = (torch.tensor(c, device=device).view(-1, 1, 1) for c in normalisation(backbone))
    whole = max(image_hw) if settings.augmentation == "none" else None

    def read(step: int, place: int) -> Item:
        place += first
        chosen = batch_indices(
            step,
            num_examples=len(images),
            batch=settings.batch,
            seed=settings.seed,
            group_sizes=groups,
        )
        index = int(chosen[place])
        generator = np.random.default_rng([settings.seed, step, place])
        picture = images.read(index, min_side=whole)
        views = [make_view(picture, a, image_hw, settings.augmentation, generator) for a in areas]
        tensors = [to_tensor(view, backbone.in_channels) for view in views]
        return step, torch.stack(tensors), int(images.labels[index])

    def collate(items: list[Item]) -> PretrainBatch:
        steps, views, labels = zip(*items, strict=True)
        pixels = torch.stack(views).to(device)
        normalised = (pixels.float() / 255 - mean) / std
        return PretrainBatch(steps[0], normalised, torch.tensor(labels, device=device))

    return ItemBatches(size, read, collate)


def normalisation(backbone: Backbone) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std of each channel, for values from 0 to 1; `build_backbone` has set both."""
    assert backbone.mean is not None
    assert backbone.std is not None
    return backbone.mean, backbone.std


def make_view(
    picture: Image.Image,
    areas: Areas,
    image_hw: HW,
    augmentation: Augmentation,
    generator: np.random.Generator,
) -> Image.Image:
    """Make a random crop, resized to this size in pixels, and mirrored with probability 1/2.

    Without augmentation it is the whole picture, resized.
    """
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2 import functional as change

    bicubic: dict[str, Any] = {"interpolation": InterpolationMode.BICUBIC, "antialias": True}
    if augmentation == "none":
        return change.resize(picture, list(image_hw), **bicubic)
    box = draw_box((picture.height, picture.width), areas, generator)
    view = change.resized_crop(picture, *box, list(image_hw), **bicubic)
    if generator.random() < 0.5:
        view = change.horizontal_flip(view)
    return change_colours(view, generator) if augmentation == "colour" else view


def draw_box(
    picture_hw: HW, areas: Areas, generator: np.random.Generator
) -> tuple[int, int, int, int]:
    """Top, left, height and width of a random crop, in pixels."""
    height, width = picture_hw
    for _ in range(TRIES):
        area = generator.uniform(*areas) * height * width
        aspect = np.exp(generator.uniform(-np.log(ASPECT), np.log(ASPECT)))
        h, w = round(float(np.sqrt(area / aspect))), round(float(np.sqrt(area * aspect)))
        if 0 < h <= height and 0 < w <= width:
            top, left = (int(generator.integers(0, n + 1)) for n in (height - h, width - w))
            return top, left, h, w
    return 0, 0, height, width


def change_colours(view: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Change brightness, contrast, saturation and hue, turn grey, and blur, each at random."""
    from torchvision.transforms.v2 import functional as change

    if generator.random() < JITTER_SHARE:
        for name, most in JITTER.items():
            view = getattr(change, name)(view, float(generator.uniform(1 - most, 1 + most)))
        view = change.adjust_hue(view, float(generator.uniform(-HUE, HUE)))
    if generator.random() < GREY_SHARE:
        view = change.rgb_to_grayscale(view, num_output_channels=3)
    if generator.random() < BLUR_SHARE:
        side = min(view.size) // 20 * 2 + 1  # a tenth of the side, odd
        view = change.gaussian_blur(view, [side, side], [float(generator.uniform(0.1, 2))] * 2)
    return view


def to_tensor(view: Image.Image, channels: int) -> UInt8[Tensor, "channels h w"]:
    """8-bit pixels, 0 to 255; a grey picture that was converted to RGB comes back exactly."""
    pixels = np.array(view.convert("L" if channels == 1 else "RGB"))
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], channels)).permute(2, 0, 1)
