"""The one loop: tiles in chunks through the backbone, features pooled into the output."""

from collections.abc import Callable, Sequence

from jaxtyping import Float
from torch import Tensor

from polyscale.multiscale.features import MultiScaleFeatures
from polyscale.multiscale.fuse import FusedTokens, OutputGrid, PoolingRule
from polyscale.multiscale.stream import LevelImages, tile_chunks
from polyscale.plan import Level
from polyscale.types import TileFeatures

TileFunction = Callable[[Float[Tensor, "tiles 3 tile_h tile_w"]], TileFeatures]


def run_levels(
    tile_function: TileFunction,
    levels: Sequence[Level],
    level_images: LevelImages,
    *,
    num_images: int,
    pooling_rule: PoolingRule,
    output_grid: OutputGrid,
    tile_batch: int | None,
    has_cls: bool,
) -> MultiScaleFeatures:
    """Run every tile of every level and fuse their features.

    Args:
        tile_function: tiles → features; each tile's features must not depend on its neighbours.
        levels: the scales and their tiles.
        level_images: gives the images at the size of a level.
        num_images: images in the batch.
        pooling_rule: how the cells of tiles are averaged into the cells of the output.
        output_grid: tells the output grid from a level's index and the grid of its tiles.
        tile_batch: tiles a chunk; None for one chunk a level.
        has_cls: whether the first prefix token is a class token.
    """
    fused = FusedTokens(levels, num_images, pooling_rule, output_grid)
    for tiles, spans in tile_chunks(levels, level_images, tile_batch):
        features = tile_function(tiles)
        sizes = [len(span) for span in spans]
        parts = zip(features.map.split(sizes), features.prefix.split(sizes), strict=True)
        for span, (map_, prefix) in zip(spans, parts, strict=True):
            fused.add(span, TileFeatures(map_, prefix))
    return MultiScaleFeatures(*fused.result(), has_cls=has_cls)
