"""Heads that say something of every pixel: segmentation and depth."""

from polyscale.heads.dense.head import DenseHead, Maps, Targets

__all__ = ["DenseHead", "Maps", "Targets"]
