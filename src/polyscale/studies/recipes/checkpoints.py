"""The checkpoints of the recipes: sizes and licences are those of the hub when this was written.

Multiply-adds and parameters are counted, and a test counts them again.
"""

from polyscale.types.recipe import Checkpoint


def vit(size: str, *, tile_px: int = 224) -> Checkpoint:
    """ViT pre-trained on ImageNet-21k: `base`, `large` or `huge`."""
    model, patch_px, dim, millions, gmacs = {
        "base": ("ViT-B/16", 16, 768, 85.8, {224: 17.56, 256: 23.20, 512: 107.03}),
        "large": ("ViT-L/16", 16, 1024, 303.3, {224: 61.55, 512: 361.985}),
        "huge": ("ViT-H/14", 14, 1280, 630.8, {224: 167.29, 512: 954.784}),
    }[size]
    name = f"google/vit-{size}-patch{patch_px}-224-in21k"
    return Checkpoint(
        source=f"hf:{name}",
        repository=name,
        model=model,
        tile_px=tile_px,
        cell_px=patch_px,
        dim=dim,
        tile_gmacs=gmacs[tile_px],
        params_m=millions,
        download_gb=0.004 * millions,
        licence="Apache-2.0",
    )


def dinov2(size: str, *, tile_px: int) -> Checkpoint:
    """DINOv2 without registers: `base`, `large` or `giant`."""
    model, dim, millions, gmacs = {
        "base": ("ViT-B/14", 768, 86.6, {224: 23.16, 504: 141.752, 518: 151.574}),
        "large": ("ViT-L/14", 1024, 304.4, {224: 81.01, 504: 475.145, 518: 506.804}),
        "giant": ("ViT-g/14", 1536, 1136.5, {224: 299.39, 504: 1676.684, 518: 1783.343}),
    }[size]
    return Checkpoint(
        source=f"hf:facebook/dinov2-{size}",
        repository=f"facebook/dinov2-{size}",
        model=model,
        own_px=518,
        tile_px=tile_px,
        cell_px=14,
        dim=dim,
        tile_gmacs=gmacs[tile_px],
        large_gmacs=((2, 1020.574), (3, 3850.69)) if (size, tile_px) == ("base", 518) else (),
        params_m=millions,
        download_gb=0.004 * millions,
        licence="Apache-2.0",
    )


def open_clip(size: str, *, tile_px: int = 224) -> Checkpoint:
    """OpenCLIP pre-trained on LAION-2B: `B-16`, `L-14`, `H-14` or `g-14`."""
    run, dim, millions, download_gb, gmacs = {
        "B-16": ("s34B-b88K", 768, 86.19, 0.6, {224: 17.56, 256: 23.20, 512: 107.03}),
        "L-14": ("s32B-b82K", 1024, 303.97, 1.7, {224: 81.01, 512: 475.145}),
        "H-14": ("s32B-b79K", 1280, 632.08, 3.9, {512: 954.784}),
        "g-14": ("s34B-b88K", 1408, 1012.65, 5.5, {224: 267.03}),
    }[size]
    patch_px = int(size[-2:])
    # a larger tile has more positions
    positions = (tile_px // patch_px) ** 2 - (224 // patch_px) ** 2
    tag = f"laion2b_{run.replace('-', '_').lower()}"
    return Checkpoint(
        source=f"open_clip:ViT-{size}/{tag}",
        repository=f"laion/CLIP-ViT-{size}-laion2B-{run}",
        model=f"ViT-{size.replace('-', '/')}",
        tile_px=tile_px,
        cell_px=patch_px,
        dim=dim,
        tile_gmacs=gmacs[tile_px],
        params_m=millions + positions * dim / 1e6,
        download_gb=download_gb,
        licence="MIT",
    )


def convnext(size: str, *, tile_px: int = 224) -> Checkpoint:
    """ConvNeXt pre-trained on ImageNet-22k: `base`, `large` or `xlarge`."""
    model, dim, millions, gmacs = {
        "base": ("ConvNeXt-B", 1024, 87.6, {224: 15.35, 512: 80.215}),
        "large": ("ConvNeXt-L", 1536, 196.2, {224: 34.36, 512: 179.513}),
        "xlarge": ("ConvNeXt-XL", 2048, 348.15, {224: 60.92, 512: 318.271}),
    }[size]
    return Checkpoint(
        source=f"hf:facebook/convnext-{size}-224-22k",
        repository=f"facebook/convnext-{size}-224-22k",
        model=model,
        tile_px=tile_px,
        cell_px=32,
        dim=dim,
        has_cls=False,
        tile_gmacs=gmacs[tile_px],
        params_m=millions,
        # the file holds a layer of 21 841 classes too
        download_gb=0.004 * (millions + 0.021841 * dim),
        licence="Apache-2.0",
    )
