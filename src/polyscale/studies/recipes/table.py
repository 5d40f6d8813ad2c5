"""The recipes: Tables 5, 6, 7, 11 and 12 and Figure 8 of Shi et al. 2024 (arXiv 2403.13043v2)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from polyscale.data.published import load_paper
from polyscale.errors import InputError, near_matches
from polyscale.learning.heads.dense.augment import AugmentSettings
from polyscale.learning.heads.dense.mask2former import MASK2FORMER_PAPER, MASK2FORMER_PAPER_TRAINING
from polyscale.learning.heads.dense.views import ViewSettings
from polyscale.learning.heads.dense.vpd import VPD_PAPER, VPD_PAPER_TRAINING
from polyscale.studies.recipes.checkpoints import get_checkpoint
from polyscale.studies.recipes.recipe import Entry, Recipe, RecipeData

PRETRAINED = {
    "ViT": "ViT pre-trained on ImageNet-21k",
    "DINOv2": "DINOv2 without registers",
    "OpenCLIP": "OpenCLIP pre-trained on LAION-2B",
}

ASSUMED_SIZES = (
    "Sizes are 512 px, and 256, 512 and 1024 or 1536 px, as the paper says of segmentation."
)
HELD_OUT = 0.02
"""Share of the training images on which dense heads are not trained; the paper uses them all."""

TWO_SCALES = "Large has scales 1 and 2: the paper's table says only S²."
CONVNEXT_SCALES = "Scales: 1, then 0.5, 1, 2, then 0.5, 1, 2, 3."
CONVNEXT_TILES = (
    "Tiles have 512 px, like the single scale of the other families. Scale 0.5 is one tile of 256 "
    "px."
)
DENSE_CHOSEN = (
    "The backbone runs again on the augmented images of every step; its weights never change.",
    f"{HELD_OUT:.0%} of the training images are held out: heads are not trained on them, and they "
    "choose among a model's scale sets where a verdict needs one.",
    "Each head is trained once, with the seed of the run.",
    "Resampling is bicubic, with antialiasing when an image becomes smaller.",
    "Precision: fp32. Maps of test images are kept in float16.",
)
SMALLER_TILES = (
    "Tiles: the single scale is one pass over 512 px, and S² has tiles of 256 px; this follows "
    "from the paper's costs. Position embeddings are resampled bicubically to each size (by "
    "transformers without antialiasing, by open_clip with it).",
    "Source native: scales are resized from the square that is seen, which has 512 px in training "
    "and usually at test. From the picture at 256 px S² would see less than the single scale does.",
    "Grid: 32×32 for every candidate, that of base's single scale. So heads see equally many "
    "cells, and maps of 36×36 (patches of 14 px) are pooled to it. The paper does not say which "
    "grid S² has.",
)
SAME_TILES = (
    "Source base: larger scales are resized from the picture at the size of the tile, so that S² "
    "sees no additional pixel. Grid: that of one tile, as the paper pools to the base grid."
)

IMAGENET = RecipeData(
    scheme="imagenet",
    name="ImageNet-1k",
    task="classification",
    metric="accuracy",
    measure="top-1",
    num_train=1_281_167,
    num_test=50_000,
    num_classes=1000,
    image_hw=(375, 500),
)
IMAGENET_STATED = (
    "The backbone is frozen. The head is one linear layer, trained for 30 epochs with learning "
    "rate 5e-4 and batches of 512.",
    "Larger scales are cut into tiles of the model's own size, 224 px.",
)
IMAGENET_CHOSEN = (
    "Source base: larger scales are resized from the picture at the model's own size. So S² sees "
    "no additional pixel and is compared with model size alone, the paper's fair setting.",
    "Optimiser: AdamW, weight decay 0.01, cosine schedule to zero, no warm-up, no augmentation.",
    "Features: for each scale the class token, where there is one, and the mean of the map. They "
    "are not standardised.",
    "Resampling is bicubic, with antialiasing when an image becomes smaller. Images are squashed "
    "to a square, not cropped.",
    "Precision: fp32.",
)

ADE20K = RecipeData(
    scheme="ade20k",
    name="ADE20K",
    task="segmentation",
    metric="miou",
    measure="mean IoU",
    num_train=20_210,
    num_test=2_000,
    num_classes=150,
    image_hw=(512, 683),
    head_arguments={"num_classes": 150},
)
ADE20K_STATED = (
    "The backbone is frozen. The head is Mask2Former in the configuration of mmsegmentation for "
    "ADE20K at 512 px: 100 queries, 9 decoder layers, a deformable pixel decoder of 6 layers.",
    "Training: 160 000 steps of 16 images, AdamW, learning rate 1e-4, weight decay 0.05, gradients "
    "clipped to 0.01, a learning rate that falls with power 0.9.",
    "Augmentation: resizing by 0.5 to 2.0, crops in which no class takes more than 0.75 of the "
    "area, flips, colours.",
)
ADE20K_CHOSEN = (
    *DENSE_CHOSEN,
    "One map becomes the four levels of the head as in ViTDet, at 4, 2, 1 and ½ times its grid. "
    "The paper does not say how this is done.",
    "Test: an image is seen in overlapping squares as large as its shorter side. They overlap by a "
    "third or more, each is resized to the tile, and their scores are averaged. The paper's "
    "configuration runs the whole image, which is not square, at a shorter side of 512 px.",
)

NYU = RecipeData(
    scheme="nyu",
    name="NYUv2",
    task="depth",
    metric="rmse",
    measure="RMSE",
    num_train=24_231,
    num_test=654,
    image_hw=(480, 640),
    head_arguments={"min_depth_m": 1e-3, "max_depth_m": 10.0},
)
NYU_STATED = (
    "The backbone is frozen. The head is the VPD depth decoder in the configuration of "
    "mmsegmentation for NYUv2 at 512 px: three transposed convolutions, upsampling, a sigmoid "
    "times 10 m.",
    "Training: 25 000 steps of 32 images, AdamW, learning rate 1e-3, weight decay 0.1, 12 000 "
    "steps of warm-up, SiLog loss with λ 0.5.",
    "Test: sliding windows and their mirror images; the Eigen crop; depths from 1 mm to 10 m; the "
    "RMSE of each image, averaged.",
)
NYU_CHOSEN = (
    *DENSE_CHOSEN,
    "A 1×1 convolution joins the map of all scales, as VPD joins its four levels.",
    "Windows are squares as large as the shorter side, which overlap by a third or more.",
    "Augmentation: crops, flips and colours. Images are not resized, because in a larger picture "
    "things look nearer while their depth stays. VPD's CutDepth is left out.",
    "Data: the customary lists have 24 231 training images, as VPD's; the labelled file has 795.",
)


def get_recipe(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        InputError: if there is none; the message names close matches.
    """
    if name not in RECIPES:
        raise InputError(
            f"recipe must be one of {', '.join(RECIPES)}, but got {name!r}."
            f"{near_matches(name, RECIPES)}"
        )
    return RECIPES[name]


def _recipe(
    data: RecipeData,
    family: str,
    finding: str,
    *chosen: str,
    place: str = "",
    entries: tuple[Entry, ...] = (),
    variant: str = "",
    options: Mapping[str, Any],
    also_stated: Sequence[str] = (),
) -> Recipe:
    """A recipe for a family; by default its entries are those of the data set's table."""
    table, stated, always_chosen = PROCEDURES[data.scheme]
    return Recipe(
        name=f"{data.scheme}-{family.lower()}{variant}",
        place=place or f"{table}, {PRETRAINED[family]}",
        data=data,
        entries=entries or _entries(data.task, family),
        finding=finding,
        options=options,
        stated=(*stated, *also_stated),
        chosen=(*always_chosen, *chosen),
    )


def _summed(family: str, finding: str, *chosen: str, options: Mapping[str, Any]) -> Recipe:
    return _ade20k(
        family,
        finding,
        *chosen,
        variant="-summed",
        place=f"Table 12, {family} base with scales summed",
        entries=_ablation_entries(family, "s2 summed"),
        options={**options, "merge": "add"},
        also_stated=["Scales are added, not concatenated."],
    )


def _dense_options(head: Mapping[str, Any], crop_px: int) -> Mapping[str, Any]:
    # a larger picture looks nearer while its depth stays
    resize = (1.0, 1.0) if head is VPD else (0.5, 2.0)
    augment = AugmentSettings(crop_hw=(crop_px, crop_px), resize=resize)
    common = {"held_out": HELD_OUT, "source": "base", "dtype": "fp32", "grid": "base"}
    return {**head, **common, "augment": augment}


def _entries(
    table: str, family: str, methods: Sequence[str] = ("single", "s2")
) -> tuple[Entry, ...]:
    """The rows of a table of the paper, in its order."""
    return tuple(
        Entry(
            checkpoint=get_checkpoint(family, row.model, row.tile_px),
            scales=tuple(int(scale) for scale in row.scales),
            published=row.value,
        )
        for row in load_paper(table)
        if row.family == family and row.method in methods and row.tile_px is not None
    )


def _ablation_entries(family: str, method: str) -> tuple[Entry, ...]:
    """The single scale of the smallest model, and a variant of S²."""
    single = _entries("segmentation", family, ["single"])[0]
    return single, *_entries("ablation", family, [method])


def _convnext_entries(tile_px: int) -> tuple[Entry, ...]:
    """The points of the curves in Figure 8."""
    several = ((1,), (0.5, 1, 2), (0.5, 1, 2, 3))
    scale_sets = {"ConvNeXt-B": several, "ConvNeXt-L": several, "ConvNeXt-XL": several[:1]}
    return tuple(
        Entry(checkpoint=get_checkpoint("ConvNeXt", model, tile_px), scales=scales)
        for model, sets in scale_sets.items()
        for scales in sets
    )


MASK2FORMER = {
    "head": "mask2former",
    "head_options": MASK2FORMER_PAPER,
    "training": MASK2FORMER_PAPER_TRAINING,
    "views": ViewSettings(windows="slide"),
}
VPD = {
    "head": "vpd",
    "head_options": VPD_PAPER,
    "training": VPD_PAPER_TRAINING,
    "views": ViewSettings(windows="slide", flip=True),
}
NATIVE_32 = {"source": "native", "grid": (32, 32)}
"""For candidates whose tiles differ in size: see `SMALLER_TILES`."""

PROCEDURES = {
    "imagenet": ("Table 5", IMAGENET_STATED, IMAGENET_CHOSEN),
    "ade20k": ("Table 6", ADE20K_STATED, ADE20K_CHOSEN),
    "nyu": ("Table 7", NYU_STATED, NYU_CHOSEN),
}
_imagenet = partial(
    _recipe, IMAGENET, options={"protocol": "paper", "source": "base", "dtype": "fp32"}
)
_ade20k = partial(_recipe, ADE20K)
_nyu = partial(_recipe, NYU)
ADE20K_518 = _dense_options(MASK2FORMER, 518)
ADE20K_512 = _dense_options(MASK2FORMER, 512)
ADE20K_256 = {**ADE20K_512, **NATIVE_32}
NYU_512 = _dense_options(VPD, 512)
NYU_256 = {**NYU_512, **NATIVE_32}
BASE_WINS = "Base at three scales beats large and huge."

RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _imagenet("ViT", "Base at three scales comes within 0.2 points of large and beats huge."),
        _imagenet(
            "DINOv2",
            "Large at two scales is level with giant; base at three stays below large.",
            "Tiles have 224 px. The checkpoints were made for 518 px, so transformers resamples "
            "their position embeddings from 37×37 to 16×16.",
        ),
        _imagenet(
            "OpenCLIP",
            "The larger model wins: base at three scales stays below large, and large below giant.",
            "Tokens are read after open_clip's last norm, before pooling and projection.",
            TWO_SCALES,
        ),
        _imagenet(
            "ConvNeXt",
            "S² loses to XL on classification. The paper shows curves without figures.",
            "Scale 0.5 is one tile of 112 px.",
            "Features are the last map as transformers returns it, before the norm that belongs to "
            "its pooling.",
            place="Figure 8a, ConvNeXt pre-trained on ImageNet-22k",
            entries=_convnext_entries(224),
            also_stated=[CONVNEXT_SCALES],
        ),
        _ade20k("ViT", BASE_WINS, *SMALLER_TILES, options=ADE20K_256),
        _ade20k(
            "DINOv2",
            "Base at two and three scales beats large and giant.",
            SAME_TILES,
            "Crops have 518 px, the size of a tile.",
            options=ADE20K_518,
        ),
        _ade20k("OpenCLIP", BASE_WINS, *SMALLER_TILES, options=ADE20K_256),
        _ade20k(
            "ConvNeXt",
            "Large at several scales beats XL. The paper shows curves without figures.",
            SAME_TILES,
            CONVNEXT_TILES,
            place="Figure 8, ConvNeXt pre-trained on ImageNet-22k, segmentation",
            entries=_convnext_entries(512),
            options=ADE20K_512,
            also_stated=[CONVNEXT_SCALES],
        ),
        _ade20k(
            "DINOv2",
            "Without tiles two scales reach 55.7, with tiles 56.3. Three scales run out of memory "
            "without tiles, and reach 56.9 with them.",
            SAME_TILES,
            "Each scale is one pass over 1036 or 1554 px. Transformers resamples the position "
            "embeddings to 74×74 and 111×111.",
            "Attention that does not keep its weights in memory (torch's own kernels) may fit "
            "three scales, which did not fit the paper's machine.",
            variant="-untiled",
            place="Table 11, DINOv2 base without splitting",
            entries=_ablation_entries("DINOv2", "s2 without tiles"),
            options={**ADE20K_518, "split": False},
        ),
        _summed(
            "DINOv2",
            "Three scales reach 55.7 when summed, and 56.9 side by side.",
            SAME_TILES,
            options=ADE20K_518,
        ),
        _summed(
            "OpenCLIP",
            "Three scales reach 51.4 when summed, and 52.5 side by side.",
            *SMALLER_TILES,
            "Scales are 256, 512 and 1536 px: it is not recorded here which the paper summed.",
            options=ADE20K_256,
        ),
        _nyu(
            "ViT",
            "Base at 256, 512 and 1536 px is level with large and beats huge.",
            *SMALLER_TILES,
            ASSUMED_SIZES,
            options=NYU_256,
        ),
        _nyu(
            "DINOv2",
            "Large at two scales is level with giant; base at three stays behind large.",
            SAME_TILES,
            "Tiles and crops have 504 px: transformers resamples position embeddings from 37×37 to "
            "36×36.",
            TWO_SCALES,
            options=_dense_options(VPD, 504),
        ),
        _nyu(
            "OpenCLIP",
            "Base at 256, 512 and 1536 px beats large and is level with huge.",
            *SMALLER_TILES,
            ASSUMED_SIZES,
            options=NYU_256,
        ),
        _nyu(
            "ConvNeXt",
            "Base at several scales beats XL. The paper shows curves without figures.",
            SAME_TILES,
            CONVNEXT_TILES,
            place="Figure 8, ConvNeXt pre-trained on ImageNet-22k, depth",
            entries=_convnext_entries(512),
            options=NYU_512,
            also_stated=[CONVNEXT_SCALES],
        ),
    )
}
"""Every recipe by its name."""
