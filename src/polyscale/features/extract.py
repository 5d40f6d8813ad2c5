"""Images → pooled features or maps of every scale, each computed once and kept in a store."""

import os
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from polyscale.errors import InputError
from polyscale.features.keys import Images, decode_side, feature_key
from polyscale.features.maps import StoredMaps
from polyscale.features.store import FeatureStore
from polyscale.operator.multiscale import MultiScale, MultiScaleFeatures, Prepared
from polyscale.records import Watch
from polyscale.types import Progress, format_scale

SHARD = 32
"""Images whose features are kept in one file: what a killed run loses at most."""

PIECE_TILES = 64
"""Tiles that are made ahead at once, as many as a GPU takes: the model need not wait for a shard,
and memory holds three pieces, not two shards."""

PIECES_AHEAD = 2
"""Pieces that are made while the model runs, each in a thread."""

READERS = min(4, os.cpu_count() or 1)
"""Threads that decode images."""

MAP_DTYPE = np.float16
"""Half of float32's space: what a head learns from it is the same within noise (features of real
backbones differ from their float16 by less than one part in a thousand)."""

Feature = Literal["cls", "mean", "both"]
"""The class token, the mean over the cells of the map, or one after the other."""

ByScale: TypeAlias = dict[float, NDArray]
"""Scale → one row of features an image."""

Select: TypeAlias = Callable[[MultiScale, MultiScaleFeatures], ByScale]
"""Takes what is kept from the features of some images."""


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
    """Pooled features of each scale (num_images, pooled_dim), from the store or computed.

    A scale's features do not depend on the other scales, so each is kept on its own.

    Args:
        module: the backbone with all scales that any candidate needs.
        images: one split.
        store: where features are kept.
        weights: `weights_hash` of the backbone.
        step: how progress calls it.
        progress: told after every shard.
        watch: measures the time in which the model runs.

    Raises:
        InputError: if features are not finite.
        StoreError: if the disk refuses.
    """
    keys = {
        level.scale: feature_key(module, level, images, weights) for level in module.plan.levels
    }
    dim = module.backbone.dim * (1 + module.backbone.has_cls)
    rows: dict[tuple[float, range], NDArray[np.float32]] = {}

    def is_kept(shard: range, scale: float) -> bool:
        kept = store.read(keys[scale], shard.start, shard.stop, (dim,))
        if kept is not None:
            rows[scale, shard] = kept
        return kept is not None

    def keep(shard: range, scale: float, computed: NDArray[np.float32]) -> None:
        store.write(keys[scale], shard.start, shard.stop, computed)
        rows[scale, shard] = computed

    missing = _missing(module, images, is_kept)
    _compute(module, images, missing, _pooled, keep, step, progress, watch or Watch())
    return {s: np.concatenate([rows[s, shard] for shard in missing]) for s in keys}


def _pooled(module: MultiScale, features: MultiScaleFeatures) -> ByScale:
    return {
        scale: level.pooled.to("cpu", torch.float32).numpy()
        for scale, level in zip(module.scales, features.scales, strict=True)
    }


def pooled_columns(
    scales: Sequence[float],
    *,
    dim: int,
    has_cls: bool,
    feature: Feature = "both",
    keep: Collection[float] | None = None,
) -> NDArray[np.int64]:
    """Indices into `MultiScaleFeatures.pooled`, in the order in which they stand there.

    Args:
        scales: of the pooled features, in their order.
        dim: width of one token.
        has_cls: whether each scale is laid out as (class token, mean cell) or the mean cell alone.
        feature: what to take of each scale.
        keep: the scales to take; None takes all.

    Returns:
        Columns (num_columns,), rising.

    Raises:
        InputError: if a scale in `keep` is not there, or the model has no class token.

    Examples:
        >>> pooled_columns((1, 2), dim=2, has_cls=True, feature="mean").tolist()
        [2, 3, 6, 7]
    """
    if feature not in get_args(Feature):
        raise InputError(f"feature must be 'cls', 'mean' or 'both', but got {feature!r}.")
    if feature == "cls" and not has_cls:
        raise InputError(
            "feature must be 'mean' or 'both' for a model without a class token, but got 'cls'."
        )
    if missing := [scale for scale in keep or () if scale not in scales]:
        raise InputError(
            f"keep must be among the scales {tuple(scales)}, but got {missing[0]}. "
            "Extract that scale first."
        )
    parts = ("cls", "mean") if has_cls else ("mean",)
    wanted = [
        (keep is None or scale in keep) and feature in ("both", part)
        for scale in scales
        for part in parts
    ]
    return np.flatnonzero(np.repeat(wanted, dim))


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

    Maps that are kept already are read once and verified before anything is computed.

    Args:
        module: the backbone with all scales that are wanted on this grid.
        images: one split.
        store: where maps are kept.
        weights: `weights_hash` of the backbone.
        step: how progress calls it.
        progress: told after every shard.
        watch: measures the time in which the model runs.

    Raises:
        InputError: if features are not finite.
        StoreError: if the disk refuses.
    """
    grid_hw = module.plan.grid_hw
    row_shape = (*grid_hw, module.backbone.dim)
    keys = {
        level.scale: feature_key(module, level, images, weights, map_hw=grid_hw)
        for level in module.plan.levels
    }

    def is_kept(shard: range, scale: float) -> bool:
        return store.has(keys[scale], shard.start, shard.stop, row_shape, MAP_DTYPE)

    def keep(shard: range, scale: float, maps: NDArray[np.float16]) -> None:
        store.write(keys[scale], shard.start, shard.stop, maps)

    missing = _missing(module, images, is_kept)
    _compute(module, images, missing, _maps, keep, step, progress, watch or Watch())
    return {
        scale: StoredMaps(store, key, list(missing), row_shape, dtype=MAP_DTYPE)
        for scale, key in keys.items()
    }


def _maps(module: MultiScale, features: MultiScaleFeatures) -> ByScale:
    return {
        scale: level.map.permute(0, 2, 3, 1).to("cpu", torch.float16).contiguous().numpy()
        for scale, level in zip(module.scales, features.scales, strict=True)
    }


def _missing(
    module: MultiScale, images: Images, is_kept: Callable[[range, float], bool]
) -> dict[range, list[float]]:
    """Shard → scales whose features are not kept."""
    shards = [range(i, min(i + SHARD, len(images))) for i in range(0, len(images), SHARD)]
    return {shard: [s for s in module.scales if not is_kept(shard, s)] for shard in shards}


def _compute(
    module: MultiScale,
    images: Images,
    missing: Mapping[range, Sequence[float]],
    select: Select,
    keep: Callable[[range, float, NDArray], None],
    step: str,
    progress: Progress,
    watch: Watch,
) -> None:
    """Compute what shards lack, and keep it as soon as a shard is done."""
    jobs = list(_jobs(module, missing))
    total = len(images) * module.plan.num_tiles
    with closing(_run(jobs, images, select, watch)) as computed:
        for job in jobs:
            progress(step, job.images.start * module.plan.num_tiles, total, "tiles")
            for scale, rows in next(computed).items():
                _check_finite(rows, module, scale)
                keep(job.images, scale, rows)
    progress(step, total, total, "tiles")


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


def _jobs(module: MultiScale, missing: Mapping[range, Sequence[float]]) -> Iterator[_Job]:
    """What shards lack; scales for which images are decoded alike share a job."""
    modules: dict[tuple[float, ...], MultiScale] = {}
    for shard, scales in missing.items():
        by_side: dict[int, list[float]] = {}
        for level in module.plan.levels:
            if level.scale in scales:
                by_side.setdefault(decode_side(module, level), []).append(level.scale)
        for side, group in by_side.items():
            key = tuple(group)
            modules[key] = modules.get(key) or module.with_scales(key)
            yield _Job(shard, modules[key], side)


def _run(
    jobs: Sequence[_Job], images: Images, select: Select, watch: Watch
) -> Generator[ByScale, None, None]:
    """Features of one job after another; the next pieces' images are read meanwhile.

    An error or Ctrl-C cancels the images that no thread has begun to read.
    """
    readers, makers = ThreadPoolExecutor(READERS), ThreadPoolExecutor(PIECES_AHEAD)
    try:
        pieces = (piece for job in jobs for piece in job.pieces())

        def submit(num: int) -> list[Future[Prepared]]:
            return [makers.submit(_prepare, p, images, readers) for p in islice(pieces, num)]

        pending = deque(submit(1))
        wait(pending)  # it measures how many tiles fit the memory, which two at once would disturb
        pending.extend(submit(PIECES_AHEAD - 1))
        for job in jobs:
            parts = []
            for piece in job.pieces():
                prepared = pending.popleft().result()
                pending.extend(submit(1))
                with watch.model(piece.num_tiles), torch.inference_mode():
                    parts.append(select(job.module, job.module.run(prepared)))
            yield {s: np.concatenate([part[s] for part in parts]) for s in job.module.scales}
    finally:  # makers wait for readers, so readers stop first
        readers.shutdown(wait=False, cancel_futures=True)
        makers.shutdown(cancel_futures=True)


def _prepare(job: _Job, images: Images, readers: ThreadPoolExecutor) -> Prepared:
    """All tiles of a job's images."""

    def read(index: int) -> Image.Image:
        return images.read(index, min_side=job.min_side)

    with torch.inference_mode():
        pictures = job.module.preprocess(list(readers.map(read, job.images)))
        return job.module.prepare(pictures, eager=True)


def _check_finite(rows: NDArray, module: MultiScale, scale: float) -> None:
    if not np.isfinite(rows).all():
        advice = (
            "Try --dtype fp32" if module.config.dtype != "fp32" else "Its weights may be broken"
        )
        raise InputError(
            f"model {module.backbone.name} gives NaN or infinite features at scale "
            f"{format_scale(scale)}. {advice}, or leave it out."
        )
