"""Data sets with a target for every pixel."""

from polyscale.data.dense.images import (
    IGNORED,
    DenseData,
    DenseImages,
    Depth,
    DepthData,
    Labels,
    SegmentationData,
)

__all__ = [
    "IGNORED",
    "DenseData",
    "DenseImages",
    "Depth",
    "DepthData",
    "Labels",
    "SegmentationData",
]
