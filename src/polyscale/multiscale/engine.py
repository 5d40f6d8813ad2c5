"""Features of a chunk → their places in the output."""

from collections.abc import Sequence

from polyscale.multiscale.fuse import FusedTokens
from polyscale.multiscale.stream import Span
from polyscale.types import TileFeatures


def add_chunk(fused: FusedTokens, spans: Sequence[Span], features: TileFeatures) -> None:
    """Hand each span of a chunk its features."""
    sizes = [len(span) for span in spans]
    parts = zip(features.map.split(sizes), features.prefix.split(sizes), strict=True)
    for span, (map_, prefix) in zip(spans, parts, strict=True):
        fused.add(span, TileFeatures(map_, prefix))
