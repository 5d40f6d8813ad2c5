"""Pooled features of every scale, each computed once and kept."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from itertools import chain, islice

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from polyscale.data import LabelledImages
from polyscale.errors import InputError
from polyscale.multiscale import MultiScale, Prepared
from polyscale.plan import Level
from polyscale.store import FeatureStore
from polyscale.studies.environment import library_versions
from polyscale.studies.progress import Progress
from polyscale.studies.timing import Watch
from polyscale.types import Backbone, format_scale

SHARD = 32
"""Images whose features are kept together: what a killed run loses at most."""

FORMAT = 3
"""Raised when the same facts would give other features."""

PIECE_TILES = 64
"""Tiles that are made ahead at once, as many as a GPU takes: the model need not wait for a shard,
and memory holds three pieces, not two shards."""

AHEAD = 2
"""Pieces that are made while the model runs, each in a thread."""

READERS = min(4, os.cpu_count() or 1)
"""Threads that decode images."""


@dataclass(frozen=True)
class _Job:
    """Images and the scales that they still lack, all of which are made from one decoding."""

    images: range
    module: MultiScale
    min_side: int

    @property
    def num_tiles(self) -> int:
        return len(self.images) * self.module.plan.num_tiles

    def pieces(self) -> list["_Job"]:
        """The same in parts that are made at once."""
        size = max(1, PIECE_TILES // self.module.plan.num_tiles)
        return [
            replace(self, images=self.images[i : i + size])
            for i in range(0, len(self.images), size)
        ]


def extract_pooled(
    module: MultiScale,
    images: LabelledImages,
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
    keys = {level.scale: _key(module, level, images, weights) for level in module.plan.levels}
    dim = module.backbone.dim * (1 + module.backbone.has_cls)
    shards = [range(i, min(i + SHARD, len(images))) for i in range(0, len(images), SHARD)]
    rows = {(s, n): store.read(keys[s], n.start, n.stop, (dim,)) for s in keys for n in shards}
    modules: dict[tuple[float, ...], MultiScale] = {}
    jobs = {
        shard: _jobs(module, shard, [s for s in keys if rows[s, shard] is None], modules)
        for shard in shards
    }
    computed = _run([job for own in jobs.values() for job in own], images, watch or Watch())
    total = len(images) * module.plan.num_tiles
    for shard in shards:
        progress(step, shard.start * module.plan.num_tiles, total, "tiles")
        for _ in jobs[shard]:
            for scale, found in next(computed).items():
                _check_finite(found, module, scale)
                store.write(keys[scale], shard.start, shard.stop, found)
                rows[scale, shard] = found
    progress(step, total, total, "tiles")
    return {s: np.concatenate([_there(rows[s, shard]) for shard in shards]) for s in keys}


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


def _jobs(
    module: MultiScale,
    shard: range,
    scales: Sequence[float],
    modules: dict[tuple[float, ...], MultiScale],
) -> list[_Job]:
    """The scales that a shard lacks, grouped by the decoding that they share."""
    by_side: dict[int, list[float]] = {}
    for level in module.plan.levels:
        if level.scale in scales:
            by_side.setdefault(decode_side(module, level), []).append(level.scale)
    jobs = []
    for side, group in by_side.items():
        needed = tuple(group)
        if needed not in modules:
            modules[needed] = module.with_scales(needed)
        jobs.append(_Job(shard, modules[needed], side))
    return jobs


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
    jobs: Sequence[_Job], images: LabelledImages, watch: Watch
) -> Iterator[dict[float, NDArray[np.float32]]]:
    """Features of one job after another; the next pieces' images are read meanwhile."""
    with ThreadPoolExecutor(READERS) as readers, ThreadPoolExecutor(AHEAD) as makers:
        to_come = (piece for job in jobs for piece in job.pieces())
        coming = deque(
            makers.submit(_prepare, piece, images, readers) for piece in islice(to_come, 1)
        )
        wait(coming)  # it measures how many tiles fit the memory, which two at once would disturb
        coming.extend(
            makers.submit(_prepare, piece, images, readers) for piece in islice(to_come, AHEAD - 1)
        )
        for job in jobs:
            found = []
            for piece in job.pieces():
                prepared = coming.popleft().result()
                coming.extend(
                    makers.submit(_prepare, later, images, readers) for later in islice(to_come, 1)
                )
                with watch.model(piece.num_tiles):
                    found.append(_pooled(job.module, prepared))
            yield {s: np.concatenate([rows[s] for rows in found]) for s in job.module.scales}


def _prepare(job: _Job, images: LabelledImages, readers: ThreadPoolExecutor) -> Prepared:
    """All tiles of a job's images."""

    def read(index: int) -> Image.Image:
        return images.read(index, min_side=job.min_side)

    with torch.inference_mode():
        pictures = job.module.preprocess(list(readers.map(read, job.images)))
        return job.module.prepare(pictures, eager=True)


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
            "min_side": decode_side(module, level),
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
