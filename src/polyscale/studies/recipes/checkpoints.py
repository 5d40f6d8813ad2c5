"""The checkpoints of the recipes.

Sizes of files and licences are those of the hub when this was written. Multiply-adds and parameters
are counted by `polyscale.operator.cost`, and a test counts them again.
"""

from polyscale.studies.recipes.recipe import Checkpoint

# model in the paper's tables → name on the hub, patch px, channels, millions of parameters,
# {tile px: 10⁹ multiply-adds}
VIT = {
    "ViT-B/16": ("base", 16, 768, 85.8, {224: 17.56, 256: 23.20, 512: 107.03}),
    "ViT-L/16": ("large", 16, 1024, 303.3, {224: 61.55, 512: 361.985}),
    "ViT-H/14": ("huge", 14, 1280, 630.8, {224: 167.29, 512: 954.784}),
}
DINOV2 = {
    "ViT-B/14": (
        "base",
        14,
        768,
        86.6,
        {224: 23.16, 504: 141.752, 518: 151.574, 1036: 1020.574, 1554: 3850.69},
    ),
    "ViT-L/14": ("large", 14, 1024, 304.4, {224: 81.01, 504: 475.145, 518: 506.804}),
    "ViT-g/14": ("giant", 14, 1536, 1136.5, {224: 299.39, 504: 1676.684, 518: 1783.343}),
}
CONVNEXT = {
    "ConvNeXt-B": ("base", 32, 1024, 87.6, {224: 15.35, 512: 80.215}),
    "ConvNeXt-L": ("large", 32, 1536, 196.2, {224: 34.36, 512: 179.513}),
    "ConvNeXt-XL": ("xlarge", 32, 2048, 348.15, {224: 60.92, 512: 318.271}),
}

# model → name of the training run, file in 10⁹ bytes, then as above; parameters on tiles of 224 px
OPEN_CLIP = {
    "ViT-B/16": ("s34B-b88K", 0.6, 16, 768, 86.19, {224: 17.56, 256: 23.20, 512: 107.03}),
    "ViT-L/14": ("s32B-b82K", 1.7, 14, 1024, 303.97, {224: 81.01, 512: 475.145}),
    "ViT-H/14": ("s32B-b79K", 3.9, 14, 1280, 632.08, {512: 954.784}),
    "ViT-g/14": ("s34B-b88K", 5.5, 14, 1408, 1012.65, {224: 267.03}),
}

BYTES_PER_PARAMETER = 4


def get_checkpoint(family: str, model: str, tile_px: int) -> Checkpoint:
    """The checkpoint of a model on tiles of a size.

    Args:
        family: "ViT", "DINOv2", "OpenCLIP" or "ConvNeXt", as in the paper's tables.
        model: the model's name there.
        tile_px: side of the tiles.
    """
    if family == "OpenCLIP":
        return _open_clip(model, tile_px)
    table, repository, native_px = {
        "ViT": (VIT, "google/vit-{size}-patch{cell_px}-224-in21k", 224),
        "DINOv2": (DINOV2, "facebook/dinov2-{size}", 518),
        "ConvNeXt": (CONVNEXT, "facebook/convnext-{size}-224-22k", 224),
    }[family]
    size, cell_px, dim, params_m, gmacs = table[model]
    name = repository.format(size=size, cell_px=cell_px)
    # the files of ConvNeXt also hold a layer of 21 841 classes
    classifier_m = 0.021841 * dim if family == "ConvNeXt" else 0
    return Checkpoint(
        source=f"hf:{name}",
        repository=name,
        model=model,
        native_px=native_px,
        tile_px=tile_px,
        cell_px=cell_px,
        dim=dim,
        has_cls=family != "ConvNeXt",
        gmacs=gmacs,
        params_m=params_m,
        download_gb=BYTES_PER_PARAMETER * (params_m + classifier_m) / 1000,
        licence="Apache-2.0",
    )


def _open_clip(model: str, tile_px: int) -> Checkpoint:
    run, download_gb, cell_px, dim, params_m, gmacs = OPEN_CLIP[model]
    # a larger tile has more position embeddings
    positions = (tile_px // cell_px) ** 2 - (224 // cell_px) ** 2
    name = model.replace("/", "-")
    return Checkpoint(
        source=f"open_clip:{name}/laion2b_{run.replace('-', '_').lower()}",
        repository=f"laion/CLIP-{name}-laion2B-{run}",
        model=model,
        tile_px=tile_px,
        cell_px=cell_px,
        dim=dim,
        gmacs=gmacs,
        params_m=params_m + positions * dim / 1e6,
        download_gb=download_gb,
        licence="MIT",
    )
