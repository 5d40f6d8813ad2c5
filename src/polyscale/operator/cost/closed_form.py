"""Multiply-adds of a Vision Transformer by formula: the check on the counter."""

from polyscale.types import HW


def vit_macs(
    *, dim: int, depth: int, patch_px: int, tile_hw: HW, num_prefix: int = 1, mlp_ratio: float = 4
) -> int:
    """Multiply-adds of one tile, without a classifier.

    With N tokens of width D, a block does 4·N·D² in its projections (queries, keys, values,
    output), 2·N²·D in its two attention products and 2·r·N·D² in its MLP of ratio r. Embedding a
    patch of p × p pixels is 3·p²·D, for patch tokens alone.

    >>> vit_macs(dim=768, depth=12, patch_px=16, tile_hw=(224, 224)) / 1e9
    17.563...
    """
    num_patches = (tile_hw[0] // patch_px) * (tile_hw[1] // patch_px)
    tokens = num_patches + num_prefix
    projections = 4 * tokens * dim**2
    attention = 2 * tokens**2 * dim
    mlp = 2 * mlp_ratio * tokens * dim**2
    return int(depth * (projections + attention + mlp) + num_patches * 3 * patch_px**2 * dim)
