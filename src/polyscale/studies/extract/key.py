"""What features depend on, as the name under which they are kept."""

from dataclasses import asdict
from hashlib import blake2b
from itertools import chain

import torch
from torch import nn

from polyscale.multiscale import MultiScale
from polyscale.plan import Level
from polyscale.store import FeatureStore
from polyscale.studies.environment import library_versions
from polyscale.studies.extract.images import Images
from polyscale.types import Backbone

FORMAT = 4
"""Raised when the same facts would give other features."""


def feature_key(
    module: MultiScale, level: Level, images: Images, weights: str, **facts: object
) -> str:
    """A name for the features of one scale.

    Args:
        module: backbone and choices.
        level: the scale.
        images: one split.
        weights: `weights_hash` of the backbone.
        facts: anything else that they depend on.
    """
    backbone = module.backbone
    return FeatureStore.key(
        {
            "format": FORMAT,
            "backbone": backbone.name,
            "weights": weights,
            "images": images.fingerprint,
            "level": asdict(level),
            "min_side": decode_side(module, level),
            "grid": backbone.grid_hw,
            "source": module.config.source,
            "dtype": module.config.dtype,
            "mean": backbone.mean,
            "std": backbone.std,
            **facts,
            **library_versions(),
        }
    )


def decode_side(module: MultiScale, level: Level) -> int:
    """Side in pixels at which an image may be decoded for a level.

    It depends on no other scale that is asked for, so that a scale's features are the same beside
    any others; and it is shared by neighbouring scales, so that an image is decoded once for them:
    scales up to 2 share one, those up to 4 the next.
    """
    if module.config.source == "base":
        return max(module.backbone.tile_hw)
    side = 2 * max(module.backbone.tile_hw)
    while side < max(level.image_hw):
        side *= 2
    return side


def weights_hash(backbone: Backbone) -> str:
    """Changes when any parameter or buffer changes."""
    digest = blake2b(digest_size=16)
    if isinstance(backbone, nn.Module):
        for name, tensor in chain(backbone.named_parameters(), backbone.named_buffers()):
            digest.update(name.encode())
            flat = tensor.detach().cpu().contiguous().flatten()
            digest.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
    return digest.hexdigest()
