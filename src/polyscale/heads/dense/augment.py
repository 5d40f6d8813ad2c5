"""Changed pictures for training online, where features are made anew for every step.

The recipe is that of mmsegmentation for ADE20K: a random size, a random crop in which no class
takes all, a flip, and changed colours. For depth, `resize=(1, 1)`: a larger picture looks nearer,
while its metres stay, so a head would learn that size says nothing. Training as in VPD
(arXiv 2303.02153) crops, flips and changes colours, but does not resize; its CutDepth, which pastes
depth into the picture, is left out.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import inf

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from polyscale.data.dataset import IGNORED, DenseImages
from polyscale.errors import InputError
from polyscale.heads.dense.batches import Batch, Batches, as_maps, as_target, chosen_images
from polyscale.heads.dense.colours import change_colours
from polyscale.heads.dense.settings import is_number
from polyscale.types import HW

TRIES = 10
"""Crops that are drawn until one has more than one class."""

PAD_RGB = (124, 116, 104)
"""The mean of ImageNet: nothing to most backbones."""

READERS = 4
"""Threads that decode and change images."""


@dataclass(frozen=True, kw_only=True)
class AugmentSettings:
    """How pictures are changed.

    Attributes:
        crop_hw: height and width in pixels of what the backbone is given.
        resize: the shorter side becomes the crop's shorter side times a number between these two;
            the ratio of sides stays. (1, 1) for depth.
        max_class_share: a crop in which one class takes more is drawn again, up to 10 times; labels
            only.
        flip: half of the pictures are mirrored.
        colours: brightness, contrast, saturation and hue, each changed in half of the pictures.
    """

    crop_hw: HW
    resize: tuple[float, float] = (0.5, 2.0)
    max_class_share: float = 0.75
    flip: bool = True
    colours: bool = True

    def __post_init__(self) -> None:
        if not (_is_pair(self.crop_hw) and all(type(n) is int and n > 0 for n in self.crop_hw)):
            raise InputError(
                f"crop_hw must be a height and a width of at least 1 px, but got {self.crop_hw!r}."
            )
        if not (_is_pair(self.resize) and 0 < self.resize[0] <= self.resize[1] < inf):
            raise InputError(f"resize must be two rising numbers above 0, but got {self.resize!r}.")
        if not (is_number(self.max_class_share) and 0 < self.max_class_share <= 1):
            raise InputError(
                f"max_class_share must be above 0, at most 1, but got {self.max_class_share!r}."
            )


def _is_pair(value: object) -> bool:
    return isinstance(value, Sequence) and len(value) == 2 and all(map(is_number, value))


def online_batches(
    images: DenseImages,
    extract: Callable[[list[Image.Image]], Float[Tensor, "batch channels h w"]],
    augment: AugmentSettings,
    *,
    batch: int,
    seed: int,
    device: str = "cpu",
) -> Batches:
    """Batches of changed pictures, through the backbone at every step.

    Args:
        images: what to learn from.
        extract: pictures, all as large as the crop → their fused maps; called in a thread.
        augment: how they are changed.
        batch: images of each step, in the order of `chosen_images`.
        seed: of the order and of the changes.
        device: where the tensors go.
    """

    def changed(step: int, place: int, index: int) -> tuple[Image.Image, NDArray]:
        generator = np.random.default_rng([seed, step, place])
        return change(images.read(index), images.target(index), augment, generator)

    def batch_of(step: int) -> Batch:
        chosen = chosen_images(step, num_images=len(images), batch=batch, seed=seed)
        with ThreadPoolExecutor(READERS) as readers:
            places = range(batch)
            made = list(readers.map(changed, [step] * batch, places, chosen.tolist()))
        maps = as_maps(extract([picture for picture, _ in made]), device)
        return maps, as_target(np.stack([target for _, target in made]), device)

    return batch_of


def change(
    image: Image.Image, target: NDArray, settings: AugmentSettings, generator: np.random.Generator
) -> tuple[Image.Image, NDArray]:
    """One picture and its target, resized, cropped, flipped, recoloured and filled up.

    Pixels beyond the picture, to the right and below, are ignored; depth there is not known.

    Args:
        image: 8-bit RGB.
        target: `Labels` or `Depth` (height, width); no value is changed, only its place.
        settings: how.
        generator: what chance is drawn from.
    """
    size_hw = _resized_hw(target.shape, settings, generator)
    rows, columns = (_nearest(was, now) for was, now in zip(target.shape, size_hw, strict=True))
    top, left = _choose_crop(target, rows, columns, settings, generator)
    bottom, right = (
        min(start + crop, size)
        for start, crop, size in zip((top, left), settings.crop_hw, size_hw, strict=True)
    )
    picture = image.resize(size_hw[::-1], Image.Resampling.BILINEAR)
    picture = picture.crop((left, top, right, bottom))
    target = target[np.ix_(rows[top:bottom], columns[left:right])]
    if settings.flip and generator.random() < 0.5:
        picture, target = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT), target[:, ::-1]
    if settings.colours:
        picture = change_colours(picture, generator)
    return _filled(picture, target, settings.crop_hw)


def _resized_hw(
    shape: tuple[int, ...], settings: AugmentSettings, generator: np.random.Generator
) -> HW:
    factor = min(settings.crop_hw) * generator.uniform(*settings.resize) / min(shape)
    height, width = (max(1, round(side * factor)) for side in shape)
    return height, width


def _nearest(num: int, resized: int) -> NDArray[np.int64]:
    """Which pixel is nearest to the centre of each after resizing (resized,)."""
    return ((np.arange(resized) + 0.5) * (num / resized)).astype(np.int64).clip(0, num - 1)


def _choose_crop(
    target: NDArray,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    settings: AugmentSettings,
    generator: np.random.Generator,
) -> tuple[int, int]:
    """Top and left of the crop in the resized picture."""
    height, width = settings.crop_hw
    top = left = 0
    for _ in range(TRIES):
        top = int(generator.integers(max(0, len(rows) - height) + 1))
        left = int(generator.integers(max(0, len(columns) - width) + 1))
        if target.dtype.kind == "f":
            break
        labels = target[np.ix_(rows[top : top + height], columns[left : left + width])]
        counts = np.bincount(labels[labels != IGNORED])
        if (counts > 0).sum() > 1 and counts.max() < settings.max_class_share * counts.sum():
            break
    return top, left


def _filled(picture: Image.Image, target: NDArray, crop_hw: HW) -> tuple[Image.Image, NDArray]:
    """Both as large as the crop."""
    full = np.full(crop_hw, np.nan if target.dtype.kind == "f" else IGNORED, target.dtype)
    full[: target.shape[0], : target.shape[1]] = target
    if picture.size == crop_hw[::-1]:
        return picture, full
    canvas = Image.new("RGB", crop_hw[::-1], PAD_RGB)
    canvas.paste(picture)
    return canvas, full
