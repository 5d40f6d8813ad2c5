"""The paper's ImageNet-1k classification (Table 5; ConvNeXt: Figure 8a)."""

from functools import partial

from polyscale.studies.recipes.checkpoints import convnext, dinov2, open_clip, vit
from polyscale.studies.recipes.entries import make_entries
from polyscale.types.recipe import Recipe, RecipeData

IMAGENET = RecipeData(
    scheme="imagenet",
    name="ImageNet-1k",
    holds="the folder with train/ and val/",
    num_train=1_281_167,
    num_test=50_000,
    num_classes=1000,
    image_hw=(375, 500),
)

STATED = (
    "the backbone is frozen; one linear layer, 30 epochs, learning rate 5e-4, batch 512",
    "larger scales are cut into tiles of the model's own size, 224 px",
)

CHOSEN = (
    "source base: larger scales are resized from the picture at the model's own size, so that no "
    "new pixel enters and S² is compared with model size alone, the paper's fair setting",
    "optimiser: AdamW, weight decay 0.01, cosine schedule to zero, no warm-up, no augmentation",
    "features: of each scale the class token, where there is one, then the mean of the map; not "
    "standardised",
    "resampling: bicubic, antialiased where it shrinks; the picture is squashed to a square, not "
    "cropped",
    "dtype fp32",
)

ONE, TWO, THREE = (1,), (1, 2), (1, 2, 3)

_recipe = partial(
    Recipe,
    data=IMAGENET,
    task="classification",
    metric="accuracy",
    measure="top-1",
    options={"protocol": "paper", "source": "base", "dtype": "fp32"},
    stated=STATED,
    chosen=CHOSEN,
)

_entries = partial(make_entries, "classification")


def imagenet_recipes() -> tuple[Recipe, ...]:
    """Each family."""
    return _vit(), _dinov2(), _open_clip(), _convnext()


def _vit() -> Recipe:
    return _recipe(
        name="imagenet-vit",
        place="Table 5, ViT pre-trained on ImageNet-21k",
        entries=_entries(
            "ViT", [(vit("base"), [ONE, TWO, THREE]), (vit("large"), [ONE]), (vit("huge"), [ONE])]
        ),
        finding="base at three scales comes within 0.2 points of large and beats huge",
    )


def _dinov2() -> Recipe:
    of_size = partial(dinov2, tile_px=224)
    return _recipe(
        name="imagenet-dinov2",
        place="Table 5, DINOv2 without registers",
        entries=_entries(
            "DINOv2",
            [
                (of_size("base"), [ONE, TWO, THREE]),
                (of_size("large"), [ONE, TWO]),
                (of_size("giant"), [ONE]),
            ],
        ),
        finding="large at two scales is level with giant; base at three stays below large",
        chosen=(
            *CHOSEN,
            "tiles of 224 px: the checkpoints are for 518, and their position embeddings are "
            "resampled from 37×37 to 16×16 by transformers",
        ),
    )


def _open_clip() -> Recipe:
    return _recipe(
        name="imagenet-openclip",
        place="Table 5, OpenCLIP pre-trained on LAION-2B",
        entries=_entries(
            "OpenCLIP",
            [
                (open_clip("B-16"), [ONE, TWO, THREE]),
                (open_clip("L-14"), [ONE, TWO]),
                (open_clip("g-14"), [ONE]),
            ],
        ),
        finding="the larger model wins: base at three scales stays below large, and large below "
        "giant",
        chosen=(
            *CHOSEN,
            "tokens are read after open_clip's last norm, before pooling and projection",
            "scales 1, 2 for large: the paper's table says S² alone",
        ),
    )


def _convnext() -> Recipe:
    several = [ONE, (0.5, 1, 2), (0.5, 1, 2, 3)]
    return _recipe(
        name="imagenet-convnext",
        place="Figure 8a, ConvNeXt pre-trained on ImageNet-22k",
        entries=_entries(
            "ConvNeXt",
            [
                (convnext("base"), several),
                (convnext("large"), several),
                (convnext("xlarge"), [ONE]),
            ],
        ),
        finding="S² loses to XL on classification; the paper prints curves, no figures",
        stated=(*STATED, "scales 1, then 0.5, 1, 2, then 0.5, 1, 2, 3"),
        chosen=(
            *CHOSEN,
            "scale 0.5 is one tile of 112 px",
            "features are the last map as transformers gives it, before the norm that belongs to "
            "its pooling",
        ),
    )
