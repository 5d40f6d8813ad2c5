"""Image modes: how the stock image processors of transformers are set for a tower."""

from collections.abc import Callable, Sequence
from typing import Any

from polyscale.errors import InputError
from polyscale.language.config import ImageMode, S2VisionConfig

Settings = Callable[[int], tuple[str, dict[str, Any]]]
"""Side of the image in pixels → name of the image processor and its settings."""


def _crop(size: int) -> tuple[str, dict[str, Any]]:
    square = {"height": size, "width": size}
    return "CLIPImageProcessor", {"size": {"shortest_edge": size}, "crop_size": square}


def _pad(size: int) -> tuple[str, dict[str, Any]]:
    square = {"height": size, "width": size}
    return "LlavaImageProcessor", {"do_pad": True, "size": square, "crop_size": square}


def _squash(size: int) -> tuple[str, dict[str, Any]]:
    square = {"height": size, "width": size}
    return "CLIPImageProcessor", {"size": square, "do_center_crop": False}


def _keep(size: int) -> tuple[str, dict[str, Any]]:
    return "CLIPImageProcessor", {"size": {"shortest_edge": size}, "do_center_crop": False}


PROCESSORS: dict[ImageMode, Settings] = {
    "crop": _crop,
    "pad": _pad,
    "squash": _squash,
    "keep": _keep,
}


def make_image_processor(
    config: S2VisionConfig, *, mean: Sequence[float], std: Sequence[float]
) -> Any:
    """The image processor of a tower.

    Args:
        config: of the tower, which says the image mode and the size.
        mean: subtracted from each channel of an image in 0 to 1.
        std: what each channel is divided by after that.
    """
    import transformers

    name, settings = PROCESSORS[config.image_mode](config.image_size)
    kind = getattr(transformers, name)
    return kind(image_mean=list(mean), image_std=list(std), **settings)


def check_image_processor(image_processor: Any, config: S2VisionConfig) -> None:
    """Refuse an image processor whose images have another size than the tower takes.

    Raises:
        InputError: with both sizes, before any picture is read.
    """
    _, expected = PROCESSORS[config.image_mode](config.image_size)
    for name, value in expected.items():
        given = getattr(image_processor, name, None)
        if _plain(given) != value:
            raise InputError(
                f"the image processor's {name} must be {value} for image_mode="
                f"{config.image_mode!r} and images of {config.image_size} px, but is "
                f"{_plain(given)}. Set it, or use the image processor of make_llava."
            )


def _plain(value: Any) -> Any:
    """The sizes of transformers as plain mappings, without what is not set."""
    if hasattr(value, "items"):
        return {key: side for key, side in value.items() if side is not None}
    return value
