"""Augmented images for online training, where features are extracted anew in every step.

The recipe is that of mmsegmentation for ADE20K: a random size, a random crop in which no class
takes everything, a flip, and changed colours. For depth, `resize=(1, 1)`: a larger picture looks
nearer while its depth in metres stays, so a head would learn that size says nothing. Training in
VPD (arXiv 2303.02153) also crops, flips and changes colours without resizing; its CutDepth, which
pastes depth into the picture, is left out. Colours change by the photometric distortion of SSD
(arXiv 1512.02325, section 2.2).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from polyscale.checks import is_number
from polyscale.data.dataset import IGNORED, DenseImages
from polyscale.errors import InputError
from polyscale.learning.heads.dense.train import MapBatch, maps_tensor, target_tensor
from polyscale.learning.training import ItemBatches, batch_indices
from polyscale.types import HW

MAX_CROPS = 10
"""Number of crops that are drawn, at most, until one has several classes."""

PAD_RGB = (124, 116, 104)
"""The mean of ImageNet, which is close to 0 after normalisation."""


@dataclass(frozen=True, kw_only=True)
class AugmentSettings:
    """How training images are augmented.

    Attributes:
        crop_hw: height and width in pixels of the images that the backbone is given.
        resize: the shorter side becomes the crop's shorter side times a random number between these
            two; the aspect ratio stays. (1, 1) for depth, see `check_for_depth`.
        max_class_share: a crop in which one class has a larger share is drawn again, up to 10
            times; it only applies to labels.
        flip: whether half of the pictures are mirrored.
        colours: whether brightness, contrast, saturation and hue are changed, each in half of the
            pictures.
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

    def check_for_depth(self) -> None:
        """Refuse to resize: a larger picture looks nearer, while its depth in metres stays.

        Raises:
            InputError: if `resize` is not (1, 1).
        """
        if tuple(self.resize) != (1, 1):
            raise InputError(
                f"augment.resize must be (1, 1) for depth, but got {tuple(self.resize)}. A larger "
                "picture looks nearer, while its depth in metres stays. Pass resize=(1, 1)."
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
) -> ItemBatches[tuple[Image.Image, NDArray], MapBatch]:
    """Batches of augmented images, which run through the backbone in every step.

    Images are read and augmented in threads; the backbone runs in the thread that trains.

    Args:
        images: the training images.
        extract: pictures, all as large as the crop → their fused maps.
        augment: how pictures are changed.
        batch: number of images per step, in the order of `batch_indices`.
        seed: of the order and of the changes.
        device: of the tensors.
    """

    def read(step: int, place: int) -> tuple[Image.Image, NDArray]:
        chosen = batch_indices(step, num_examples=len(images), batch=batch, seed=seed)
        index = int(chosen[place])
        generator = np.random.default_rng([seed, step, place])
        return change(images.read(index), images.target(index), augment, generator)

    def collate(items: list[tuple[Image.Image, NDArray]]) -> MapBatch:
        maps = maps_tensor(extract([picture for picture, _ in items]), device)
        return maps, target_tensor(np.stack([target for _, target in items]), device)

    return ItemBatches(batch, read, collate)


def change(
    image: Image.Image, target: NDArray, settings: AugmentSettings, generator: np.random.Generator
) -> tuple[Image.Image, NDArray]:
    """One picture and its target: resized, cropped, flipped, recoloured and padded.

    The picture is 8-bit RGB, the target `Labels` or `Depth` (height, width); its values only move.
    Targets of the padding, to the right and below, are ignored labels or unknown depth.
    """
    factor = min(settings.crop_hw) * generator.uniform(*settings.resize) / min(target.shape)
    height, width = (max(1, round(side * factor)) for side in target.shape)
    size_hw = height, width
    rows, columns = (_nearest(*sides) for sides in zip(target.shape, size_hw, strict=True))
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
    return _padded(picture, target, settings.crop_hw)


def _nearest(num: int, resized: int) -> NDArray[np.int64]:
    """The pixel nearest to the centre of each pixel after resizing (resized,)."""
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
    for _ in range(MAX_CROPS):
        top = int(generator.integers(max(0, len(rows) - height) + 1))
        left = int(generator.integers(max(0, len(columns) - width) + 1))
        if target.dtype.kind == "f":
            break
        labels = target[np.ix_(rows[top : top + height], columns[left : left + width])]
        counts = np.bincount(labels[labels != IGNORED])
        if (counts > 0).sum() > 1 and counts.max() < settings.max_class_share * counts.sum():
            break
    return top, left


def _padded(picture: Image.Image, target: NDArray, crop_hw: HW) -> tuple[Image.Image, NDArray]:
    """Picture and target, padded to the size of the crop."""
    full = np.full(crop_hw, np.nan if target.dtype.kind == "f" else IGNORED, target.dtype)
    full[: target.shape[0], : target.shape[1]] = target
    if picture.size == crop_hw[::-1]:
        return picture, full
    canvas = Image.new("RGB", crop_hw[::-1], PAD_RGB)
    canvas.paste(picture)
    return canvas, full


def change_colours(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Change brightness, contrast, saturation and hue of an 8-bit RGB image, each with chance ½.

    Ranges are those of mmsegmentation: brightness ±32 of 255, contrast and saturation × 0.5 … 1.5,
    hue ±36 degrees. Contrast comes before or after saturation and hue, at random.
    """
    brightness = _sometimes(generator, -32, 32, unchanged=0)
    contrast = _sometimes(generator, 0.5, 1.5, unchanged=1)
    saturation = _sometimes(generator, 0.5, 1.5, unchanged=1)
    hue_degrees = _sometimes(generator, -36, 36, unchanged=0)
    contrast_first = generator.random() < 0.5
    image = _rescale(image, offset=brightness)
    if contrast_first:
        image = _rescale(image, factor=contrast)
    if saturation != 1 or hue_degrees != 0:
        hues, saturations, values = image.convert("HSV").split()
        turn = round(hue_degrees * 256 / 360)
        hues = hues.point([(hue + turn) % 256 for hue in range(256)])
        saturations = _rescale(saturations, factor=saturation)
        image = Image.merge("HSV", (hues, saturations, values)).convert("RGB")
    return image if contrast_first else _rescale(image, factor=contrast)


def _sometimes(
    generator: np.random.Generator, low: float, high: float, *, unchanged: float
) -> float:
    """A number from the range with chance ½, else the unchanged one; both are always drawn."""
    drawn = generator.uniform(low, high)
    return drawn if generator.random() < 0.5 else unchanged


def _rescale(image: Image.Image, *, factor: float = 1, offset: float = 0) -> Image.Image:
    """Multiply every channel by a factor and add an offset, rounded and clipped to 0 … 255."""
    table = (np.arange(256) * factor + offset).round().clip(0, 255).astype(int).tolist()
    return image.point(table * len(image.getbands()))
