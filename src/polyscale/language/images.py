"""Image processors: the stock ones for square pictures, and one whose sizes follow the picture."""

from collections.abc import Sequence
from typing import Any

from transformers import BatchFeature, CLIPImageProcessor, LlavaImageProcessor
from transformers.image_utils import SizeDict
from transformers.processing_utils import ImagesKwargs

from polyscale.errors import InputError
from polyscale.language.config import S2VisionConfig
from polyscale.language.grids import dynamic_size, kept_size
from polyscale.types import HW


class S2ImagesKwargs(ImagesKwargs, total=False):  # type: ignore[call-arg, misc]
    """What `S2ImageProcessor` takes beside the arguments of all image processors."""

    image_mode: str
    scales: list[float]
    tile_size: int
    skip_enlarged: bool


class S2ImageProcessor(CLIPImageProcessor):  # type: ignore[misc]
    """Pictures in sizes of their own, padded to one batch, with `image_sizes` beside them.

    Its arguments are the fields of `S2VisionConfig` with these names; `image_mode` is "keep" or
    "dynamic".
    """

    valid_kwargs = S2ImagesKwargs
    image_mode = "keep"
    scales: Sequence[float] = (1, 2, 3)
    tile_size = 336
    skip_enlarged = False
    do_center_crop = False
    model_input_names = ("pixel_values", "image_sizes")

    def image_hw(self, picture_hw: HW) -> HW:
        """Height and width in pixels of what becomes of a picture."""
        if self.image_mode == "dynamic":
            return dynamic_size(
                self.scales, self.tile_size, picture_hw, skip_enlarged=self.skip_enlarged
            )
        return kept_size(round(max(self.scales) * self.tile_size), picture_hw)

    def resize(self, image: Any, size: Any, **options: Any) -> Any:
        """Pictures of one size, resized by the rule of the image mode; `size` is not asked."""
        height, width = self.image_hw((image.shape[-2], image.shape[-1]))
        return super().resize(image, SizeDict(height=height, width=width), **options)

    def _preprocess(self, images: Any, *, return_tensors: Any = None, **options: Any) -> Any:
        options["do_pad"] = False
        pictures = super()._preprocess(images, return_tensors=None, **options)["pixel_values"]
        data = {
            "pixel_values": self.pad(pictures, disable_grouping=True),
            "image_sizes": [tuple(picture.shape[-2:]) for picture in pictures],
        }
        return BatchFeature(data=data, tensor_type=return_tensors)


def make_image_processor(
    config: S2VisionConfig, *, mean: Sequence[float], std: Sequence[float]
) -> Any:
    """The image processor of a tower.

    Args:
        config: of the tower, which says the image mode and the size.
        mean: subtracted from each channel of an image in 0 to 1.
        std: what each channel is divided by after that.
    """
    kind, settings = _settings(config)
    return kind(image_mean=list(mean), image_std=list(std), **settings)


def check_image_processor(image_processor: Any, config: S2VisionConfig) -> None:
    """Refuse an image processor whose images have another size than the tower takes.

    Raises:
        InputError: with both sizes, before any picture is read.
    """
    for name, expected in _settings(config)[1].items():
        given = _plain(getattr(image_processor, name, None))
        if given != expected:
            raise InputError(
                f"{name} of the image processor must be {expected} for image_mode="
                f"{config.image_mode!r} and scales {config.scales}, but is {given}. "
                "Set it, or make the processor with make_llava."
            )


def _settings(config: S2VisionConfig) -> tuple[Any, dict[str, Any]]:
    """The class of the image processor, and what its images' sizes depend on."""
    size, square = config.image_size, {"height": config.image_size, "width": config.image_size}
    if config.image_mode == "crop":
        settings = {"do_center_crop": True, "size": {"shortest_edge": size}, "crop_size": square}
        return CLIPImageProcessor, settings
    if config.image_mode == "pad":
        return LlavaImageProcessor, {"do_pad": True, "size": square, "do_center_crop": False}
    if config.image_mode == "squash":
        return CLIPImageProcessor, {"size": square, "do_center_crop": False}
    names = ("image_mode", "scales", "tile_size", "skip_enlarged")
    return S2ImageProcessor, {name: getattr(config, name) for name in names}


def _plain(value: Any) -> Any:
    """The sizes of transformers as plain mappings, without what is not set."""
    if hasattr(value, "items"):
        return {key: side for key, side in value.items() if side is not None}
    return value
