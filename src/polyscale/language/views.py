"""How a multimodal model sees a picture: the part that reaches its vision tower, and the tiles."""

from typing import Any

from polyscale.language.config import S2VisionConfig
from polyscale.language.grids import scales_run
from polyscale.operator.cost import TileCost, count_call
from polyscale.operator.plan import Level, Tiling, plan_levels
from polyscale.records import ScaleTiles
from polyscale.records.questions import Box
from polyscale.types import HW

SQUARE_HW = (4096, 4096)
"""A picture so large that none of its scales is left out: what a tower costs is said of it."""


def tower_levels(model: Any, processor: Any, picture_hw: HW) -> tuple[Level, ...]:
    """The scales and tiles of a picture: those of `S2VisionModel`, or the one tile of any other.

    Args:
        model: a `LlavaForConditionalGeneration`.
        processor: its processor.
        picture_hw: size of the picture in pixels; it counts where the grid follows the picture.
    """
    config = model.config.vision_config
    if not isinstance(config, S2VisionConfig):
        side = config.image_size
        tile_hw = (side, side) if isinstance(side, int) else (int(side[0]), int(side[1]))
        return plan_levels(Tiling(scales=(1,)), tile_hw)
    tile_hw, options = (config.tile_size, config.tile_size), dict[str, Any]()
    if config.is_square:
        return plan_levels(config.multiscale(), tile_hw)
    image_hw = processor.image_processor.image_hw(picture_hw)
    if config.image_mode == "dynamic":
        num_tiles = image_hw[0] * image_hw[1] // config.tile_size**2
        run = scales_run(config.multiscale().scales, config.tile_size, image_hw)
        options = {"scales": run, "max_tiles": num_tiles}
    return plan_levels(config.multiscale(**options), tile_hw, image_hw)


def count_tower(model: Any, processor: Any) -> TileCost:
    """Parameters of the tower, and its multiply-adds for a square picture over all tiles."""
    tower: Any = model.model.vision_tower
    one = tower.backbone if isinstance(model.config.vision_config, S2VisionConfig) else tower
    levels = tower_levels(model, processor, SQUARE_HW)
    macs = (count_call(one, (1, 3, *level.tile_hw)).macs * level.num_tiles for level in levels)
    return TileCost(params=sum(p.numel() for p in tower.parameters()), macs=sum(macs))


def seen_tiles(model: Any, processor: Any, image_hw: HW) -> tuple[ScaleTiles, ...]:
    """What each tile of each scale shows of a picture.

    Args:
        model: a `LlavaForConditionalGeneration`.
        processor: its processor, which crops, pads or squashes the picture.
        image_hw: size of the whole picture in pixels.
    """
    view = seen_part(processor.image_processor, image_hw)
    return tuple(
        ScaleTiles(
            scale=level.scale,
            tile_px=max(level.tile_hw),
            boxes_yxyx=tuple(_placed(box, level.image_hw, view) for box in level.boxes_yxyx),
        )
        for level in tower_levels(model, processor, image_hw)
    )


def seen_part(image_processor: Any, image_hw: HW) -> Box:
    """The part of a picture that an image processor of transformers hands on.

    It is the middle square or another crop of what is resized by its shorter side; a square that
    reaches beyond the picture where that is padded; and otherwise the whole picture.
    """
    height, width = image_hw
    if getattr(image_processor, "do_pad", False):
        return _middle(image_hw, (max(image_hw), max(image_hw)))
    shorter = _side(getattr(image_processor, "size", None), "shortest_edge")
    if not (getattr(image_processor, "do_center_crop", False) and shorter):
        return 0.0, 0.0, float(height), float(width)
    px = min(image_hw) / shorter  # of the picture, for one of what is cut out
    crop = image_processor.crop_size
    return _middle(image_hw, (_side(crop, "height") * px, _side(crop, "width") * px))


def _middle(image_hw: HW, size_hw: tuple[float, float]) -> Box:
    top, left = ((image_hw[axis] - size_hw[axis]) / 2 for axis in (0, 1))
    return top, left, top + size_hw[0], left + size_hw[1]


def _side(size: Any, name: str) -> int:
    """A side of a size of transformers, which may be a mapping; 0 where it has none."""
    return int((size.get(name) if hasattr(size, "get") else getattr(size, name, None)) or 0)


def _placed(box_px: tuple[int, ...], level_hw: HW, view: Box) -> Box:
    """A box in pixels of a level as pixels of the picture."""
    height, width = ((view[2] - view[0]) / level_hw[0], (view[3] - view[1]) / level_hw[1])
    top, left, bottom, right = box_px
    return (
        view[0] + top * height,
        view[1] + left * width,
        view[0] + bottom * height,
        view[1] + right * width,
    )
