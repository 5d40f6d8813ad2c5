"""Pooled features of every scale, each computed once and kept."""

import numpy as np
import torch
from numpy.typing import NDArray

from polyscale.multiscale import MultiScale, MultiScaleFeatures
from polyscale.store import FeatureStore
from polyscale.studies.extract.images import Images
from polyscale.studies.extract.key import feature_key
from polyscale.studies.extract.pipeline import Found, fill, shards_of
from polyscale.studies.progress import Progress
from polyscale.studies.timing import Watch


def extract_pooled(
    module: MultiScale,
    images: Images,
    *,
    store: FeatureStore,
    weights: str,
    step: str,
    progress: Progress,
    watch: Watch | None = None,
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
        watch: of the time in which the model runs.
    """
    keys = {
        level.scale: feature_key(module, level, images, weights) for level in module.plan.levels
    }
    dim = module.backbone.dim * (1 + module.backbone.has_cls)
    rows: dict[tuple[float, range], NDArray[np.float32]] = {}
    lacking: dict[range, list[float]] = {}
    for shard in shards_of(images):
        lacking[shard] = []
        for scale, key in keys.items():
            found = store.read(key, shard.start, shard.stop, (dim,))
            if found is None:
                lacking[shard].append(scale)
            else:
                rows[scale, shard] = found

    def keep(shard: range, scale: float, found: NDArray[np.float32]) -> None:
        store.write(keys[scale], shard.start, shard.stop, found)
        rows[scale, shard] = found

    fill(
        module, images, lacking, _pooled, keep, step=step, progress=progress, watch=watch or Watch()
    )
    return {s: np.concatenate([rows[s, shard] for shard in lacking]) for s in keys}


def _pooled(module: MultiScale, features: MultiScaleFeatures) -> Found:
    return {
        scale: level.pooled.to("cpu", torch.float32).numpy()
        for scale, level in zip(module.scales, features.scales, strict=True)
    }
