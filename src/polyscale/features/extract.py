"""Images → pooled features or maps of every scale, each computed once and kept in a store."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyscale.checks import check_choice
from polyscale.errors import InputError
from polyscale.features.keys import Images, decode_side, feature_key
from polyscale.features.maps import StoredMaps
from polyscale.features.store import FeatureStore
from polyscale.features.workers import result_of, share_out, worker_pool
from polyscale.operator.multiscale import MultiScale, PartFeatures, Prepared
from polyscale.records import Watch
from polyscale.types import Progress, format_scale

SHARD = 32
"""Images whose features are kept in one file: what a killed run loses at most."""

PIECE_TILES = 64
"""Tiles that are made ahead at once, as many as a GPU takes: the model need not wait for a shard,
and memory holds three pieces, not two shards."""

PIECES_AHEAD = 2
"""Pieces that are made while one model runs, each in a thread."""

READERS = min(4, os.cpu_count() or 1)
"""Threads that decode images."""

MAP_DTYPE = np.float16
"""Half of float32's space: what a head learns from it is the same within noise (features of real
backbones differ from their float16 by less than one part in a thousand)."""

Feature = Literal["cls", "mean", "both"]
"""The class token, the mean over the cells of the map, or one after the other."""

Computed: TypeAlias = tuple[range, float, NDArray]
"""Images of one file, a scale, and its features of them."""

Missing: TypeAlias = Mapping[range, Sequence[float]]
"""Images of one file → scales whose features of them are not kept."""


def extract_pooled(
    module: MultiScale,
    images: Images,
    *,
    store: FeatureStore,
    weights: str,
    step: str,
    progress: Progress,
    watch: Watch | None = None,
    parallel: bool = False,
) -> dict[float, NDArray[np.float32]]:
    """Pooled features of each scale (num_images, pooled_dim), from the store or computed.

    A scale's features do not depend on the other scales, so each is kept on its own.

    Args:
        module: backbone and scales.
        images: what features are wanted of.
        store: where they are kept.
        weights: the `weights_hash` of the backbone.
        step: how progress calls it.
        progress: told after every shard.
        watch: measures the time in which the model runs.
        parallel: run the model in several threads at once where that is faster: on a CPU. Its
            forward must keep nothing in the model that another call could read.

    Raises:
        InputError: if features are not finite.
        StoreError: if the disk refuses.
    """
    keys = _keys(module, images, weights)
    row_shape = (module.backbone.dim * (1 + module.backbone.has_cls),)
    shards = _shards(images)
    rows = {
        (shard, scale): store.read(key, shard.start, shard.stop, row_shape)
        for shard in shards
        for scale, key in keys.items()
    }
    missing = {shard: [scale for scale in keys if rows[shard, scale] is None] for shard in shards}
    computing = _compute(module, images, missing, _pooled, step, progress, watch, parallel)
    with closing(computing) as computed:
        for shard, scale, pooled in _keep(computed, store, keys, module, images):
            rows[shard, scale] = pooled
    return {scale: np.concatenate([rows[shard, scale] for shard in shards]) for scale in keys}


def _pooled(level: PartFeatures) -> Tensor:
    return level.pooled.to("cpu", torch.float32)


def extract_maps(
    module: MultiScale,
    images: Images,
    *,
    store: FeatureStore,
    weights: str,
    step: str,
    progress: Progress,
    watch: Watch | None = None,
    parallel: bool = False,
) -> dict[float, StoredMaps]:
    """Maps of each scale, float16 and channels last, on the module's output grid.

    Maps that are kept already are read once and verified before anything is computed. Arguments and
    errors are those of `extract_pooled`.
    """
    grid_hw = module.plan.grid_hw
    map_shape = (*grid_hw, module.backbone.dim)
    keys = _keys(module, images, weights, map_hw=grid_hw)
    missing = {
        shard: [
            scale
            for scale, key in keys.items()
            if not store.has(key, shard.start, shard.stop, map_shape, MAP_DTYPE)
        ]
        for shard in _shards(images)
    }
    computing = _compute(module, images, missing, _map, step, progress, watch, parallel)
    with closing(computing) as computed:
        for _ in _keep(computed, store, keys, module, images):
            pass
    return {
        scale: StoredMaps(store, key, list(missing), map_shape, dtype=MAP_DTYPE)
        for scale, key in keys.items()
    }


def _keys(module: MultiScale, images: Images, weights: str, **facts: object) -> dict[float, str]:
    """Scale → the key of its features."""
    levels = module.plan.levels
    return {level.scale: feature_key(module, level, images, weights, **facts) for level in levels}


def _keep(
    computed: Iterable[Computed],
    store: FeatureStore,
    keys: Mapping[float, str],
    module: MultiScale,
    images: Images,
) -> Iterator[Computed]:
    """Write each computed shard into the store, describe it there, and hand it on."""
    for shard, scale, features in computed:
        store.write(keys[scale], shard.start, shard.stop, features)
        scale_name = format_scale(scale)
        about = f"{module.backbone.name} at scale {scale_name}, {len(images)} images"
        store.describe(keys[scale], about)
        yield shard, scale, features


def _map(level: PartFeatures) -> Tensor:
    return level.map.permute(0, 2, 3, 1).to("cpu", torch.float16).contiguous()


def _shards(images: Images) -> list[range]:
    return [range(i, min(i + SHARD, len(images))) for i in range(0, len(images), SHARD)]


def pooled_columns(
    scales: Sequence[float], *, dim: int, has_cls: bool, feature: Feature = "both"
) -> NDArray[np.int64]:
    """Indices into `MultiScaleFeatures.pooled`, in the order in which they stand there.

    Args:
        scales: of the pooled features, in their order.
        dim: width of one token.
        has_cls: whether each scale is laid out as (class token, mean cell) or the mean cell alone.
        feature: what to take of each scale.

    Returns:
        Columns (num_columns,), rising.

    Raises:
        InputError: if there is no such feature, or the model has no class token.

    Examples:
        >>> pooled_columns((1, 2), dim=2, has_cls=True, feature="mean").tolist()
        [2, 3, 6, 7]
    """
    check_choice("feature", feature, get_args(Feature))
    if feature == "cls" and not has_cls:
        raise InputError(
            "feature must be 'mean' or 'both' for a model without a class token, but got 'cls'."
        )
    parts = ("cls", "mean") if has_cls else ("mean",)
    is_taken = [feature in ("both", part) for part in parts]
    return np.flatnonzero(np.repeat(is_taken * len(scales), dim))


def _compute(
    module: MultiScale,
    images: Images,
    missing: Missing,
    select: Callable[[PartFeatures], Tensor],
    step: str,
    progress: Progress,
    watch: Watch | None,
    parallel: bool,
) -> Generator[Computed, None, None]:
    """What shards lack: images, scale and features, as soon as a shard is done.

    The next pieces' images are read meanwhile. An error or Ctrl-C cancels the images that no thread
    has begun to read.
    """
    num_tiles, total = module.plan.num_tiles, len(images) * module.plan.num_tiles
    watch, num_workers = watch or Watch(), 1
    if parallel and any(missing.values()):
        module, num_workers = share_out(module)
    jobs = list(_jobs(module, missing))
    readers = ThreadPoolExecutor(READERS)
    makers = worker_pool(num_workers) if num_workers > 1 else ThreadPoolExecutor(PIECES_AHEAD)

    def run(piece: _Piece, prepared: Prepared) -> list[Tensor]:
        num = len(piece.images) * piece.module.plan.num_tiles
        with watch.model(num, num_workers), torch.inference_mode():
            return [select(level) for level in piece.module.run(prepared).scales]

    def make(piece: _Piece) -> Prepared | list[Tensor]:
        """All tiles of a piece, or features where several models run at once."""
        prepared = _prepare(piece, images, readers)
        return run(piece, prepared) if num_workers > 1 else prepared

    try:
        pieces = (piece for _, job in jobs for piece in job)
        pending: deque[Future[Any]] = deque()

        def submit(num: int) -> None:
            pending.extend(makers.submit(make, piece) for piece in islice(pieces, num))

        ahead = num_workers + 1 if num_workers > 1 else PIECES_AHEAD
        # the first piece measures how many tiles fit the memory, which two at once would disturb;
        # where several models run at once, it has been measured
        submit(ahead if num_workers > 1 else 1)
        for shard, job in jobs:
            progress(step, shard.start * num_tiles, total, "tiles")
            parts: list[list[Tensor]] = []
            for piece in job:
                made = result_of(pending.popleft())
                submit(ahead - len(pending))
                parts.append(made if num_workers > 1 else run(piece, made))
            for scale, rows in zip(job[0].module.scales, zip(*parts, strict=True), strict=True):
                features = torch.cat(rows).numpy()
                _check_finite(features, module, scale, images, shard)
                yield shard, scale, features
    finally:  # makers wait for readers, so readers stop first; none is waited for
        readers.shutdown(wait=False, cancel_futures=True)
        makers.shutdown(wait=False, cancel_futures=True)
    progress(step, total, total, "tiles")


class _Piece(NamedTuple):
    """Images whose tiles are made at once, and the scales that they still lack."""

    images: range
    module: MultiScale
    min_side: int


def _jobs(module: MultiScale, missing: Missing) -> Iterator[tuple[range, list[_Piece]]]:
    """A shard, and the pieces of it that lack scales for which images are decoded alike."""
    modules: dict[tuple[float, ...], MultiScale] = {}
    for shard, scales in missing.items():
        by_side: dict[int, list[float]] = {}
        for level in module.plan.levels:
            if level.scale in scales:
                by_side.setdefault(decode_side(module, level), []).append(level.scale)
        for side, group in by_side.items():
            key = tuple(group)
            modules[key] = part = modules.get(key) or module.with_scales(key)
            size = max(1, PIECE_TILES // part.plan.num_tiles)
            pieces = [shard[i : i + size] for i in range(0, len(shard), size)]
            yield shard, [_Piece(piece, part, side) for piece in pieces]


def _prepare(piece: _Piece, images: Images, readers: ThreadPoolExecutor) -> Prepared:
    """All tiles of a piece."""
    read = partial(images.read, min_side=piece.min_side)
    with torch.inference_mode():
        pictures = piece.module.preprocess(list(readers.map(read, piece.images)))
        return piece.module.prepare(pictures, eager=True)


def _check_finite(
    rows: NDArray, module: MultiScale, scale: float, images: Images, shard: range
) -> None:
    finite = np.isfinite(rows).reshape(len(rows), -1).all(axis=1)
    if not finite.all():
        index = shard[int(finite.argmin())]
        ids = getattr(images, "ids", None)  # views of images have none
        image = repr(ids[index]) if ids else f"number {index}"
        advice = (
            "Try --dtype fp32" if module.config.dtype != "fp32" else "Its weights may be broken"
        )
        raise InputError(
            f"model {module.backbone.name} gives NaN or infinite features at scale "
            f"{format_scale(scale)} for image {image}. {advice}, or leave it out."
        )
