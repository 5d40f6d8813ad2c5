"""The recipes: the paper's ImageNet-1k classification (Table 5; ConvNeXt: Figure 8a).

Checkpoints and scales are the paper's. Sizes and licences are those of the hub when this was
written; multiply-adds and parameters are counted, and a test counts them again.
"""

from collections.abc import Sequence
from functools import cache, partial

from polyscale.data.paper import load_paper
from polyscale.types.recipe import Checkpoint, Entry, Recipe

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

Pairs = Sequence[tuple[Checkpoint, Sequence[tuple[float, ...]]]]


@cache
def recipes() -> dict[str, Recipe]:
    """Every recipe by its name."""
    return {recipe.name: recipe for recipe in (_vit(), _dinov2(), _open_clip(), _convnext())}


def _entries(pairs: Pairs, family: str) -> tuple[Entry, ...]:
    rows = load_paper("classification")
    printed = {(row.model, row.scales): row.value for row in rows if row.family == family}
    return tuple(
        Entry(checkpoint=weights, scales=scales, top1=printed.get((weights.model, scales)))
        for weights, choices in pairs
        for scales in choices
    )


def _vit() -> Recipe:
    def weights(name: str, model: str, dim: int, gmacs: float, millions: float) -> Checkpoint:
        return Checkpoint(
            source=f"hf:google/{name}-224-in21k",
            repository=f"google/{name}-224-in21k",
            model=model,
            dim=dim,
            tile_gmacs=gmacs,
            params_m=millions,
            download_gb=0.004 * millions,
            licence="Apache-2.0",
        )

    base = weights("vit-base-patch16", "ViT-B/16", 768, 17.56, 85.8)
    large = weights("vit-large-patch16", "ViT-L/16", 1024, 61.55, 303.3)
    huge = weights("vit-huge-patch14", "ViT-H/14", 1280, 167.29, 630.8)
    return Recipe(
        name="imagenet-vit",
        place="Table 5, ViT pre-trained on ImageNet-21k",
        entries=_entries(
            [(base, [(1,), (1, 2), (1, 2, 3)]), (large, [(1,)]), (huge, [(1,)])], "ViT"
        ),
        finding="base at three scales comes within 0.2 points of large and beats huge",
        stated=STATED,
        chosen=CHOSEN,
    )


def _dinov2() -> Recipe:
    weights = partial(Checkpoint, tile_px=224, licence="Apache-2.0")

    def of_size(size: str, model: str, dim: int, gmacs: float, millions: float) -> Checkpoint:
        return weights(
            source=f"hf:facebook/dinov2-{size}",
            repository=f"facebook/dinov2-{size}",
            model=model,
            dim=dim,
            tile_gmacs=gmacs,
            params_m=millions,
            download_gb=0.004 * millions,
        )

    base = of_size("base", "ViT-B/14", 768, 23.16, 86.6)
    large = of_size("large", "ViT-L/14", 1024, 81.01, 304.4)
    giant = of_size("giant", "ViT-g/14", 1536, 299.39, 1136.5)
    return Recipe(
        name="imagenet-dinov2",
        place="Table 5, DINOv2 without registers",
        entries=_entries(
            [(base, [(1,), (1, 2), (1, 2, 3)]), (large, [(1,), (1, 2)]), (giant, [(1,)])],
            "DINOv2",
        ),
        finding="large at two scales is level with giant; base at three stays below large",
        stated=STATED,
        chosen=(
            *CHOSEN,
            "tiles of 224 px: the checkpoints are for 518, and their position embeddings are "
            "resampled from 37×37 to 16×16 by transformers",
        ),
    )


def _open_clip() -> Recipe:
    def weights(
        name: str, tag: str, run: str, dim: int, gmacs: float, millions: float, download_gb: float
    ) -> Checkpoint:
        return Checkpoint(
            source=f"open_clip:{name}/{tag}",
            repository=f"laion/CLIP-{name}-laion2B-{run}",
            model="/".join(name.rsplit("-", 1)),
            dim=dim,
            tile_gmacs=gmacs,
            params_m=millions,
            download_gb=download_gb,
            licence="MIT",
        )

    base = weights("ViT-B-16", "laion2b_s34b_b88k", "s34B-b88K", 768, 17.56, 86.2, 0.6)
    large = weights("ViT-L-14", "laion2b_s32b_b82k", "s32B-b82K", 1024, 81.01, 304.0, 1.7)
    giant = weights("ViT-g-14", "laion2b_s34b_b88k", "s34B-b88K", 1408, 267.03, 1012.6, 5.5)
    return Recipe(
        name="imagenet-openclip",
        place="Table 5, OpenCLIP pre-trained on LAION-2B",
        entries=_entries(
            [(base, [(1,), (1, 2), (1, 2, 3)]), (large, [(1,), (1, 2)]), (giant, [(1,)])],
            "OpenCLIP",
        ),
        finding="the larger model wins: base at three scales stays below large, and large below "
        "giant",
        stated=STATED,
        chosen=(
            *CHOSEN,
            "tokens are read after open_clip's last norm, before pooling and projection",
            "scales 1, 2 for large: the paper's table says S² alone",
        ),
    )


def _convnext() -> Recipe:
    def weights(size: str, model: str, dim: int, gmacs: float, millions: float) -> Checkpoint:
        return Checkpoint(
            source=f"hf:facebook/convnext-{size}-224-22k",
            repository=f"facebook/convnext-{size}-224-22k",
            model=model,
            dim=dim,
            has_cls=False,
            tile_gmacs=gmacs,
            params_m=millions,
            # the file holds a layer of 21 841 classes too
            download_gb=0.004 * (millions + 0.021841 * dim),
            licence="Apache-2.0",
        )

    several = [(1,), (0.5, 1, 2), (0.5, 1, 2, 3)]
    base = weights("base", "ConvNeXt-B", 1024, 15.35, 87.6)
    large = weights("large", "ConvNeXt-L", 1536, 34.36, 196.2)
    xlarge = weights("xlarge", "ConvNeXt-XL", 2048, 60.92, 348.1)
    return Recipe(
        name="imagenet-convnext",
        place="Figure 8a, ConvNeXt pre-trained on ImageNet-22k",
        entries=_entries([(base, several), (large, several), (xlarge, [(1,)])], "ConvNeXt"),
        finding="S² loses to XL on classification; the paper prints curves, no figures",
        stated=(*STATED, "scales 1, then 0.5, 1, 2, then 0.5, 1, 2, 3"),
        chosen=(
            *CHOSEN,
            "scale 0.5 is one tile of 112 px",
            "features are the last map as transformers gives it, before the norm that belongs to "
            "its pooling",
        ),
    )
