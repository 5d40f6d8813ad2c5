"""Pooled features of every scale, each computed once and kept."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from hashlib import blake2b
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from polyscale.data import LabelledImages
from polyscale.errors import InputError
from polyscale.multiscale import MultiScale, Prepared
from polyscale.plan import Level
from polyscale.store import FeatureStore
from polyscale.studies.environment import library_versions
from polyscale.studies.progress import Progress
from polyscale.types import Backbone, format_scale

SHARD = 32
"""Images whose features are kept together: what a killed run loses at most."""

FORMAT = 3
"""Raised when the same facts would give other features."""


def extract_pooled(
    module: MultiScale,
    images: LabelledImages,
    *,
    store: FeatureStore,
    weights: str,
    step: str,
    progress: Progress,
) -> dict[float, NDArray[np.float32]]:
    """Features of each scale (num_images, pooled_dim), read where they are kept, else computed.

    A scale's features don't depend on the other scales, so each is kept on its own.

    Args:
        module: the backbone with all scales that any candidate needs.
        images: one split.
        store: where features are kept.
        weights: `weights_hash` of the backbone.
        step: how progress calls it.
        progress: told after every shard.
    """
    keys = {level.scale: _key(module, level, images, weights) for level in module.plan.levels}
    dim = module.backbone.dim * (1 + module.backbone.has_cls)
    shards = [(i, min(i + SHARD, len(images))) for i in range(0, len(images), SHARD)]
    rows = {(s, shard): store.read(keys[s], *shard, dim) for s in keys for shard in shards}
    missing = {shard: tuple(s for s in keys if rows[s, shard] is None) for shard in shards}
    computed = _run(module, [(s, m) for s, m in missing.items() if m], images)
    total = len(images) * module.plan.num_tiles
    for shard in shards:
        progress(step, shard[0] * module.plan.num_tiles, total, "tiles")
        for scale, found in (next(computed) if missing[shard] else {}).items():
            _check_finite(found, module, scale)
            store.write(keys[scale], *shard, found)
            rows[scale, shard] = found
    progress(step, total, total, "tiles")
    return {s: np.concatenate([_there(rows[s, shard]) for shard in shards]) for s in keys}


def _there(rows: NDArray[np.float32] | None) -> NDArray[np.float32]:
    assert rows is not None
    return rows


def _check_finite(rows: NDArray[np.float32], module: MultiScale, scale: float) -> None:
    if not np.isfinite(rows).all():
        advice = (
            "Try --dtype fp32" if module.config.dtype != "fp32" else "Its weights may be broken"
        )
        raise InputError(
            f"model {module.backbone.name} gives NaN or infinite features at scale "
            f"{format_scale(scale)}. {advice}, or leave it out."
        )


def _run(
    module: MultiScale,
    todo: Sequence[tuple[tuple[int, int], tuple[float, ...]]],
    images: LabelledImages,
) -> Iterator[dict[float, NDArray[np.float32]]]:
    """Features of one shard after another; the next shard's images are read meanwhile."""
    modules = {needed: module.with_scales(needed) for needed in {needed for _, needed in todo}}
    with ThreadPoolExecutor(1) as reader:
        coming = [
            reader.submit(_prepare, modules[needed], images, shard) for shard, needed in todo[:1]
        ]
        for i, (_, needed) in enumerate(todo):
            prepared = coming.pop().result()
            if i + 1 < len(todo):
                following, needs = todo[i + 1]
                coming.append(reader.submit(_prepare, modules[needs], images, following))
            yield _pooled(modules[needed], prepared)


def _prepare(module: MultiScale, images: LabelledImages, shard: tuple[int, int]) -> Prepared:
    """All tiles of a shard's images."""
    with torch.inference_mode():
        pictures = module.preprocess([images.read(i) for i in range(*shard)])
        return module.prepare(pictures, eager=True)


def _pooled(module: MultiScale, prepared: Prepared) -> dict[float, NDArray[np.float32]]:
    with torch.inference_mode():
        features = module.run(prepared)
        return {
            scale: level.pooled.to("cpu", torch.float32).numpy()
            for scale, level in zip(module.scales, features.levels, strict=True)
        }


def _key(module: MultiScale, level: Level, images: LabelledImages, weights: str) -> str:
    backbone = module.backbone
    return FeatureStore.key(
        {
            "format": FORMAT,
            "backbone": backbone.name,
            "weights": weights,
            "images": images.fingerprint,
            "level": asdict(level),
            "grid": backbone.grid_hw,
            "source": module.config.source,
            "dtype": module.config.dtype,
            "mean": backbone.mean,
            "std": backbone.std,
            **library_versions(),
        }
    )


def weights_hash(backbone: Backbone) -> str:
    """Changes when any parameter or buffer changes."""
    digest = blake2b(digest_size=16)
    if isinstance(backbone, nn.Module):
        for name, tensor in chain(backbone.named_parameters(), backbone.named_buffers()):
            digest.update(name.encode())
            flat = tensor.detach().cpu().contiguous().flatten()
            digest.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
    return digest.hexdigest()
