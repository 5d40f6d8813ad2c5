"""Feature maps of every scale, each computed once and kept on the disk."""

import numpy as np
import torch

from polyscale.multiscale import MultiScale, MultiScaleFeatures
from polyscale.store import FeatureStore, StoredMaps
from polyscale.studies.extract.images import Images
from polyscale.studies.extract.key import feature_key
from polyscale.studies.extract.pipeline import Found, fill, shards_of
from polyscale.studies.progress import Progress
from polyscale.studies.timing import Watch

KEPT_AS = np.float16
"""Half of float32's space: what a head learns from it is the same within noise (features of real
backbones differ from their float16 by less than one part in a thousand)."""


def extract_maps(
    module: MultiScale,
    images: Images,
    *,
    store: FeatureStore,
    weights: str,
    step: str,
    progress: Progress,
    watch: Watch | None = None,
) -> dict[float, StoredMaps]:
    """Maps of each scale, float16 and channels last, on the module's output grid.

    A scale's map doesn't depend on the other scales, so each is kept on its own.

    Args:
        module: the backbone with all scales that are wanted on this grid.
        images: one split.
        store: where maps are kept.
        weights: `weights_hash` of the backbone.
        step: how progress calls it.
        progress: told after every shard.
        watch: of the time in which the model runs.
    """
    grid_hw = module.plan.grid_hw
    row_shape = (*grid_hw, module.backbone.dim)
    keys = {
        level.scale: feature_key(module, level, images, weights, map_hw=grid_hw)
        for level in module.plan.levels
    }
    shards = shards_of(images)
    lacking = {
        shard: [
            scale
            for scale, key in keys.items()
            if not store.has(key, shard.start, shard.stop, row_shape, KEPT_AS)
        ]
        for shard in shards
    }
    fill(
        module,
        images,
        lacking,
        _maps,
        lambda shard, scale, rows: store.write(keys[scale], shard.start, shard.stop, rows),
        step=step,
        progress=progress,
        watch=watch or Watch(),
    )
    return {
        scale: StoredMaps(store, key, shards, row_shape, dtype=KEPT_AS)
        for scale, key in keys.items()
    }


def _maps(module: MultiScale, features: MultiScaleFeatures) -> Found:
    return {
        scale: level.map.permute(0, 2, 3, 1).to("cpu", torch.float16).contiguous().numpy()
        for scale, level in zip(module.scales, features.scales, strict=True)
    }
