"""The paper's NYUv2 depth (Table 7; ConvNeXt: Figure 8)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from polyscale.heads.dense.augment import AugmentSettings
from polyscale.heads.dense.views import ViewSettings
from polyscale.heads.dense.vpd import VPD_PAPER, VPD_PAPER_TRAINING
from polyscale.studies.recipes.checkpoints import convnext, dinov2, open_clip, vit
from polyscale.studies.recipes.dense_words import (
    DENSE_CHOSEN,
    HELD_OUT,
    OWN_GRID,
    SAME_GRID,
    UNTILED_BASELINE,
)
from polyscale.studies.recipes.entries import Scales, make_entries
from polyscale.types.recipe import Recipe, RecipeData

NYU = RecipeData(
    scheme="nyu",
    name="NYUv2",
    holds="the folder with nyu_train.txt and nyu_test.txt, or the labelled .mat file",
    num_train=24_231,
    num_test=654,
    image_hw=(480, 640),
    head_arguments={"min_depth_m": 1e-3, "max_depth_m": 10.0},
)

STATED = (
    "the backbone is frozen; a VPD depth decoder in the configuration of mmsegmentation for NYUv2 "
    "at 512 px: three transposed convolutions, upsampling, a sigmoid times 10 m",
    "training: 25 000 steps of 32 images, AdamW, learning rate 1e-3, weight decay 0.1, 12 000 "
    "steps of warm-up, SiLog loss with λ 0.5",
    "test: sliding windows and their mirror images; the Eigen crop, 1 mm to 10 m; RMSE of each "
    "image, averaged",
)

CHOSEN = (
    *DENSE_CHOSEN,
    "the map of all scales is joined by a 1×1 convolution, as VPD joins its four levels",
    "windows: squares as large as the shorter side, which overlap by a third or more",
    "augmentation: crops, flips and colours, no change of size, because a larger picture looks "
    "nearer while its metres stay; VPD's CutDepth is left out",
    "data: with the customary lists 24 231 training images, as VPD has; the labelled file has 795",
)


def _options(crop_px: int, source: str, grid: str | tuple[int, int] = "base") -> Mapping[str, Any]:
    return {
        "head": "vpd",
        "head_options": VPD_PAPER,
        "training": VPD_PAPER_TRAINING,
        "augment": AugmentSettings(crop_hw=(crop_px, crop_px), resize=(1.0, 1.0)),
        "views": ViewSettings(windows="slide", flip=True),
        "held_out": HELD_OUT,
        "source": source,
        "dtype": "fp32",
        "grid": grid,
    }


TILES_256 = _options(512, "native", (32, 32))

ONE: Scales = (1,)

ASSUMED_SIZES = "sizes 512, and 256, 512, 1024 or 1536 px, as the paper says of segmentation"

_recipe = partial(Recipe, data=NYU, task="depth", metric="rmse", measure="RMSE", stated=STATED)
_entries = partial(make_entries, "depth")


def nyu_recipes() -> tuple[Recipe, ...]:
    """Each family."""
    return _vit(), _dinov2(), _open_clip(), _convnext()


def _vit() -> Recipe:
    return _recipe(
        name="nyu-vit",
        place="Table 7, ViT pre-trained on ImageNet-21k",
        entries=_entries(
            "ViT",
            [
                (vit("base", tile_px=512), [ONE]),
                (vit("base", tile_px=256), [(1, 2, 4), (1, 2, 6)]),
                (vit("large", tile_px=512), [ONE]),
                (vit("huge", tile_px=512), [ONE]),
            ],
        ),
        finding="base at 256, 512 and 1536 px is level with large and beats huge",
        options=TILES_256,
        chosen=(*CHOSEN, *UNTILED_BASELINE, SAME_GRID, ASSUMED_SIZES),
    )


def _dinov2() -> Recipe:
    of_size = partial(dinov2, tile_px=504)
    return _recipe(
        name="nyu-dinov2",
        place="Table 7, DINOv2 without registers",
        entries=_entries(
            "DINOv2",
            [
                (of_size("base"), [ONE, (1, 2), (1, 2, 3)]),
                (of_size("large"), [ONE, (1, 2)]),
                (of_size("giant"), [ONE]),
            ],
        ),
        finding="large at two scales is level with giant; base at three stays behind large",
        options=_options(504, "base"),
        chosen=(
            *CHOSEN,
            OWN_GRID,
            "tiles and crops of 504 px: position embeddings are resampled from 37×37 to 36×36 by "
            "transformers",
            "scales 1, 2 for large: the paper's table says S² alone",
        ),
    )


def _open_clip() -> Recipe:
    return _recipe(
        name="nyu-openclip",
        place="Table 7, OpenCLIP pre-trained on LAION-2B",
        entries=_entries(
            "OpenCLIP",
            [
                (open_clip("B-16", tile_px=512), [ONE]),
                (open_clip("B-16", tile_px=256), [(1, 2, 4), (1, 2, 6)]),
                (open_clip("L-14", tile_px=512), [ONE]),
                (open_clip("H-14", tile_px=512), [ONE]),
            ],
        ),
        finding="base at 256, 512 and 1536 px beats large and is level with huge",
        options=TILES_256,
        chosen=(*CHOSEN, *UNTILED_BASELINE, SAME_GRID, ASSUMED_SIZES),
    )


def _convnext() -> Recipe:
    several: list[Scales] = [ONE, (0.5, 1, 2), (0.5, 1, 2, 3)]
    return _recipe(
        name="nyu-convnext",
        place="Figure 8, ConvNeXt pre-trained on ImageNet-22k, depth",
        entries=_entries(
            "ConvNeXt",
            [
                (convnext("base", tile_px=512), several),
                (convnext("large", tile_px=512), several),
                (convnext("xlarge", tile_px=512), [ONE]),
            ],
        ),
        finding="base at several scales beats XL; the paper prints curves, no figures",
        options=_options(512, "base"),
        stated=(*STATED, "scales 1, then 0.5, 1, 2, then 0.5, 1, 2, 3"),
        chosen=(
            *CHOSEN,
            OWN_GRID,
            "tiles of 512 px, as the other families' single scale; scale 0.5 is one tile of 256 px",
        ),
    )
