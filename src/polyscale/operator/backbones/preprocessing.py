"""How a library prepares pictures for a model: mean, standard deviation and size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polyscale.types import HW

Channels = tuple[float, ...]

KEYS = (
    *("image_mean", "image_std", "mean", "std", "size", "crop_size", "input_size"),
    *("do_normalize", "do_rescale", "rescale_factor", "rescale_offset", "include_top"),
    *("do_center_crop", "do_flip_channel_order"),
)
"""What is read of a processor, under the names that the libraries use."""


@dataclass(frozen=True)
class Preprocessing:
    """What a processor does to a picture, as far as it is known."""

    mean: Channels | None = None  # subtracted from each channel of a picture in 0..1
    std: Channels | None = None  # what each channel is divided by after that
    tile_hw: HW | None = None  # size of the result in pixels


UNKNOWN = Preprocessing()


def read_preprocessing(processor: object) -> Preprocessing:
    """Mean, standard deviation and size, from whatever a library keeps them in.

    That is an image processor of transformers (or a processor of images and text), its
    configuration, a data configuration of timm or open_clip, or a transform of torchvision, alone
    or within a `Compose`.
    """
    config = _config_of(processor)
    mean, std = (config.get(f"image_{key}", config.get(key)) for key in ("mean", "std"))
    if config.get("do_normalize") is False:
        mean, std = (0.0,) * 3, (1.0,) * 3
    known = isinstance(mean, Sequence) and isinstance(std, Sequence)
    if not known or config.get("do_flip_channel_order"):  # BGR, which a mean cannot express
        return Preprocessing(tile_hw=_size_of(config))
    # x in 0..1 → (scale · x - offset - mean) / std
    factor = config.get("rescale_factor", 1 / 255) if config.get("do_rescale", True) else 1
    scale = 1.0 if factor == 1 / 255 else 255 * factor
    offset = 1.0 if config.get("rescale_offset") else 0.0
    twice = 2 if config.get("include_top") else 1  # EfficientNet divides a second time
    return Preprocessing(
        mean=tuple((float(m) + offset) / scale for m in mean),
        std=tuple(float(s) ** twice / scale for s in std),
        tile_hw=_size_of(config),
    )


def hw_of(value: Any) -> HW | None:
    """Height and width of a number, a pair or a size of transformers; None of anything else."""
    if isinstance(value, int):
        return value, value
    if isinstance(value, Mapping):
        sides = [value.get("height"), value.get("width")]
        return hw_of(sides if None not in sides else value.get("shortest_edge"))
    if isinstance(value, Sequence) and len(value) in (1, 2):
        return int(value[0]), int(value[-1])
    return None


def _size_of(config: Mapping[str, Any]) -> HW | None:
    """Of the crop that the processor ends with, or else of what it resizes to."""
    crop = config.get("crop_size") if config.get("do_center_crop", True) else None
    size = hw_of(crop) or hw_of(config.get("size"))
    return size or hw_of(tuple(config.get("input_size") or ())[-2:])


def _config_of(processor: Any) -> Mapping[str, Any]:
    """The processor's settings under the names in `KEYS`."""
    if isinstance(processor, Mapping):
        return processor
    for name in ("image_processor", "data_config"):  # within a CLIPProcessor, of a TimmWrapper
        if hasattr(processor, name):
            return _config_of(getattr(processor, name))
    steps = getattr(processor, "transforms", None)
    if isinstance(steps, Sequence):
        return {key: value for step in steps for key, value in _config_of(step).items()}
    return {key: _plain(getattr(processor, key)) for key in KEYS if hasattr(processor, key)}


def _plain(value: Any) -> Any:
    """Tensors as lists, and the sizes of transformers as mappings."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return vars(value) if hasattr(value, "shortest_edge") else value
