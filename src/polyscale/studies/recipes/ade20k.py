"""The paper's ADE20K segmentation (Table 6; ConvNeXt: Figure 8; Tables 11 and 12)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from polyscale.heads.dense.augment import AugmentSettings
from polyscale.heads.dense.mask2former import MASK2FORMER_PAPER, MASK2FORMER_PAPER_TRAINING
from polyscale.heads.dense.views import ViewSettings
from polyscale.studies.recipes.checkpoints import convnext, dinov2, open_clip, vit
from polyscale.studies.recipes.dense_words import (
    DENSE_CHOSEN,
    HELD_OUT,
    OWN_GRID,
    SAME_GRID,
    UNTILED_BASELINE,
)
from polyscale.studies.recipes.entries import Pairs, Scales, make_entries
from polyscale.types.recipe import Recipe, RecipeData

ADE20K = RecipeData(
    scheme="ade20k",
    name="ADE20K",
    holds="the folder with images/ and annotations/",
    num_train=20_210,
    num_test=2_000,
    num_classes=150,
    image_hw=(512, 683),
    head_arguments={"num_classes": 150},
)

STATED = (
    "the backbone is frozen; a Mask2Former head in the configuration of mmsegmentation for ADE20K "
    "at 512 px: 100 queries, 9 decoder layers, a deformable pixel decoder of 6",
    "training: 160 000 steps of 16 images, AdamW, learning rate 1e-4, weight decay 0.05, gradients "
    "clipped to 0.01, learning rate falling with power 0.9",
    "augmentation: size 0.5 to 2.0, crops in which no class takes more than 0.75, flips, colours",
)

CHOSEN = (
    *DENSE_CHOSEN,
    "one map becomes the four levels of the head as in ViTDet, at 4, 2, 1 and ½ times its grid: "
    "the paper does not say how",
    "test: an image is seen in squares as large as its shorter side, which overlap by a third or "
    "more, each at the size of the tile, their scores averaged; the paper's configuration runs the "
    "whole image, not square, at a shorter side of 512 px",
)


def _options(
    crop_px: int, source: str, grid: str | tuple[int, int], **others: Any
) -> Mapping[str, Any]:
    return {
        "head": "mask2former",
        "head_options": MASK2FORMER_PAPER,
        "training": MASK2FORMER_PAPER_TRAINING,
        "augment": AugmentSettings(crop_hw=(crop_px, crop_px)),
        "views": ViewSettings(windows="slide"),
        "held_out": HELD_OUT,
        "source": source,
        "dtype": "fp32",
        "grid": grid,
        **others,
    }


TILES_256 = _options(512, "native", (32, 32))
TILES_518 = _options(518, "base", "base")
TILES_512 = _options(512, "base", "base")

ONE: Scales = (1,)

_recipe = partial(
    Recipe,
    data=ADE20K,
    task="segmentation",
    metric="miou",
    measure="mean IoU",
    stated=STATED,
)
_entries = partial(make_entries, "segmentation")


def ade20k_recipes() -> tuple[Recipe, ...]:
    """Each family, and the ablations."""
    return (
        _vit(),
        _dinov2(),
        _open_clip(),
        _convnext(),
        _dinov2_untiled(),
        _dinov2_summed(),
        _open_clip_summed(),
    )


def _vit() -> Recipe:
    return _recipe(
        name="ade20k-vit",
        place="Table 6, ViT pre-trained on ImageNet-21k",
        entries=_entries(
            "ViT",
            [
                (vit("base", tile_px=512), [ONE]),
                (vit("base", tile_px=256), [(1, 2, 4), (1, 2, 6)]),
                (vit("large", tile_px=512), [ONE]),
                (vit("huge", tile_px=512), [ONE]),
            ],
        ),
        finding="base at three scales beats large and huge",
        options=TILES_256,
        chosen=(*CHOSEN, *UNTILED_BASELINE, SAME_GRID),
    )


def _dinov2() -> Recipe:
    of_size = partial(dinov2, tile_px=518)
    return _recipe(
        name="ade20k-dinov2",
        place="Table 6, DINOv2 without registers",
        entries=_entries(
            "DINOv2",
            [
                (of_size("base"), [ONE, (1, 2), (1, 2, 3)]),
                (of_size("large"), [ONE]),
                (of_size("giant"), [ONE]),
            ],
        ),
        finding="base at two and three scales beats large and giant",
        options=TILES_518,
        chosen=(*CHOSEN, OWN_GRID, "crops of 518 px, the size of a tile"),
    )


def _open_clip() -> Recipe:
    return _recipe(
        name="ade20k-openclip",
        place="Table 6, OpenCLIP pre-trained on LAION-2B",
        entries=_entries(
            "OpenCLIP",
            [
                (open_clip("B-16", tile_px=512), [ONE]),
                (open_clip("B-16", tile_px=256), [(1, 2, 4), (1, 2, 6)]),
                (open_clip("L-14", tile_px=512), [ONE]),
                (open_clip("H-14", tile_px=512), [ONE]),
            ],
        ),
        finding="base at three scales beats large and huge",
        options=TILES_256,
        chosen=(*CHOSEN, *UNTILED_BASELINE, SAME_GRID),
    )


def _convnext() -> Recipe:
    several: list[Scales] = [ONE, (0.5, 1, 2), (0.5, 1, 2, 3)]
    return _recipe(
        name="ade20k-convnext",
        place="Figure 8, ConvNeXt pre-trained on ImageNet-22k, segmentation",
        entries=_entries(
            "ConvNeXt",
            [
                (convnext("base", tile_px=512), several),
                (convnext("large", tile_px=512), several),
                (convnext("xlarge", tile_px=512), [ONE]),
            ],
        ),
        finding="large at several scales beats XL; the paper prints curves, no figures",
        options=TILES_512,
        stated=(*STATED, "scales 1, then 0.5, 1, 2, then 0.5, 1, 2, 3"),
        chosen=(
            *CHOSEN,
            OWN_GRID,
            "tiles of 512 px, as the other families' single scale; scale 0.5 is one tile of 256 px",
        ),
    )


def _dinov2_untiled() -> Recipe:
    base = dinov2("base", tile_px=518)
    variant = make_entries(
        "ablation", "DINOv2", [(base, [(1, 2), (1, 2, 3)])], methods=["s2 without tiles"]
    )
    return _recipe(
        name="ade20k-dinov2-untiled",
        place="Table 11, DINOv2 base without splitting",
        entries=(*_entries("DINOv2", [(base, [ONE])]), *variant),
        finding="without tiles two scales reach 55.7, with them 56.3; three run out of memory "
        "without, and reach 56.9 with them",
        options={**TILES_518, "split": False},
        chosen=(
            *CHOSEN,
            OWN_GRID,
            "each scale is one pass over 1036 or 1554 px; position embeddings are resampled to "
            "74×74 and 111×111 by transformers",
            "attention that is not kept in memory (torch's own kernels) may fit three scales, "
            "which did not fit the paper's machine",
        ),
    )


def _summed(family: str, pairs: Pairs, **others: Any) -> Recipe:
    """The first pair is the single scale."""
    variant = make_entries("ablation", family, pairs[1:], methods=["s2 summed"])
    return _recipe(
        place=f"Table 12, {family} base with scales summed",
        entries=(*_entries(family, pairs[:1]), *variant),
        stated=(*STATED, "scales are added, not concatenated"),
        **others,
    )


def _dinov2_summed() -> Recipe:
    base = dinov2("base", tile_px=518)
    return _summed(
        "DINOv2",
        [(base, [ONE]), (base, [(1, 2, 3)])],
        name="ade20k-dinov2-summed",
        finding="three scales summed reach 55.7, side by side 56.9",
        options={**TILES_518, "merge": "add"},
        chosen=(*CHOSEN, OWN_GRID),
    )


def _open_clip_summed() -> Recipe:
    return _summed(
        "OpenCLIP",
        [
            (open_clip("B-16", tile_px=512), [ONE]),
            (open_clip("B-16", tile_px=256), [(1, 2, 6)]),
        ],
        name="ade20k-openclip-summed",
        finding="three scales summed reach 51.4, side by side 52.5",
        options={**TILES_256, "merge": "add"},
        chosen=(
            *CHOSEN,
            *UNTILED_BASELINE,
            SAME_GRID,
            "scales 256, 512, 1536 px: which the paper summed is not recorded here",
        ),
    )
