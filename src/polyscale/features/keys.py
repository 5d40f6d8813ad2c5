"""What features depend on, and the key under which they are kept."""

from collections.abc import Sized
from dataclasses import asdict
from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from typing import Protocol

import torch
from torch import nn

from polyscale.data.dataset import ReadImage
from polyscale.features.store import FeatureStore
from polyscale.operator.backbones import dry_run, model_dtype_device
from polyscale.operator.multiscale import MultiScale
from polyscale.operator.plan import Level
from polyscale.types import Backbone

FORMAT = 4
"""Raised when the same facts would give other features."""

LIBRARIES = ("torch", "timm", "numpy", "scikit-learn", "pillow")
"""Whose versions numbers may depend on."""

NUM_PROJECTIONS = 8
"""Numbers by which answers of live models are told apart, each to about one part in a hundred."""


class Images(Sized, Protocol):
    """What extraction needs of images in an order, such as a split of a data set."""

    @property
    def read(self) -> ReadImage:
        """Index of an image → 8-bit RGB."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes when any image changes."""
        ...


def feature_key(
    module: MultiScale, level: Level, images: Images, weights: str, **facts: object
) -> str:
    """A name for the features of one scale; `facts` are anything else that they depend on."""
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
            # only where it is chosen, so that the features of earlier versions are found
            **({} if module.config.antialias else {"antialias": False}),
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


def weights_hash(model: Backbone | nn.Module) -> str:
    """Changes when any parameter or buffer changes."""
    digest = blake2b(digest_size=16)
    if isinstance(model, nn.Module):
        for name, tensor in chain(model.named_parameters(), model.named_buffers()):
            digest.update(name.encode())
            flat = tensor.detach().cpu().contiguous().flatten()
            digest.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
    return digest.hexdigest()


def live_hash(backbone: Backbone) -> str:
    """Changes when the weights or the code of a live model change.

    Only weights that were loaded by a name tell which code uses them. So this also depends on the
    model's answer to a tile of noise: on a few projections of it, rounded, so that the order in
    which threads add up does not matter.
    """
    digest = blake2b(weights_hash(backbone).encode(), digest_size=16)
    generator = torch.Generator().manual_seed(0)
    dtype, device = model_dtype_device(backbone)
    noise = torch.randn(1, backbone.in_channels, *backbone.tile_hw, generator=generator)
    with dry_run(backbone):
        answer = backbone(noise.to(device, dtype))
    for part in (answer.map, answer.prefix):
        flat = part.detach().flatten().double().cpu()
        signs = torch.randn(NUM_PROJECTIONS, len(flat), generator=generator).double()
        shares = (signs @ flat) / flat.norm().clamp_min(torch.finfo().tiny)
        digest.update(repr((part.shape, [f"{share:.2f}" for share in shares.tolist()])).encode())
        digest.update(f"{flat.norm():.2e}".encode())
    return digest.hexdigest()


@cache
def library_versions() -> dict[str, str]:
    """Versions of the libraries that numbers may depend on, if they are installed."""
    versions = {}
    for package in LIBRARIES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
