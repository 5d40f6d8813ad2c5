"""Images → features of the scales that they still lack, with the model never waiting."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from polyscale.errors import InputError
from polyscale.multiscale import MultiScale, MultiScaleFeatures, Prepared
from polyscale.studies.extract.images import Images
from polyscale.studies.extract.key import decode_side
from polyscale.studies.progress import Progress
from polyscale.studies.timing import Watch
from polyscale.types import format_scale

SHARD = 32
"""Images whose features are kept together: what a killed run loses at most."""

PIECE_TILES = 64
"""Tiles that are made ahead at once, as many as a GPU takes: the model need not wait for a shard,
and memory holds three pieces, not two shards."""

AHEAD = 2
"""Pieces that are made while the model runs, each in a thread."""

READERS = min(4, os.cpu_count() or 1)
"""Threads that decode images."""

Found: TypeAlias = dict[float, NDArray]
"""Scale → one row of features an image."""

Take: TypeAlias = Callable[[MultiScale, MultiScaleFeatures], Found]
"""What is wanted of the features of some images."""


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


def shards_of(images: Images) -> list[range]:
    """Ranges of images whose features are kept together."""
    return [range(i, min(i + SHARD, len(images))) for i in range(0, len(images), SHARD)]


def fill(
    module: MultiScale,
    images: Images,
    lacking: Mapping[range, Sequence[float]],
    take: Take,
    keep: Callable[[range, float, NDArray], None],
    *,
    step: str,
    progress: Progress,
    watch: Watch,
) -> None:
    """Compute what shards lack.

    Args:
        module: the backbone with all scales.
        images: one split.
        lacking: shard → scales that it lacks.
        take: what is wanted of the features.
        keep: told shard, scale and rows, as soon as a shard is done.
        step: how progress calls it.
        progress: told after every shard.
        watch: of the time in which the model runs.

    Raises:
        InputError: if features are not finite.
    """
    modules: dict[tuple[float, ...], MultiScale] = {}
    jobs = {shard: _jobs(module, shard, scales, modules) for shard, scales in lacking.items()}
    computed = _run([job for own in jobs.values() for job in own], images, take, watch)
    total = len(images) * module.plan.num_tiles
    for shard, own in jobs.items():
        progress(step, shard.start * module.plan.num_tiles, total, "tiles")
        for _ in own:
            for scale, rows in next(computed).items():
                _check_finite(rows, module, scale)
                keep(shard, scale, rows)
    progress(step, total, total, "tiles")


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


def _check_finite(rows: NDArray, module: MultiScale, scale: float) -> None:
    if not np.isfinite(rows).all():
        advice = (
            "Try --dtype fp32" if module.config.dtype != "fp32" else "Its weights may be broken"
        )
        raise InputError(
            f"model {module.backbone.name} gives NaN or infinite features at scale "
            f"{format_scale(scale)}. {advice}, or leave it out."
        )


def _run(jobs: Sequence[_Job], images: Images, take: Take, watch: Watch) -> Iterator[Found]:
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
                with watch.model(piece.num_tiles), torch.inference_mode():
                    found.append(take(job.module, job.module.run(prepared)))
            yield {s: np.concatenate([rows[s] for rows in found]) for s in job.module.scales}


def _prepare(job: _Job, images: Images, readers: ThreadPoolExecutor) -> Prepared:
    """All tiles of a job's images."""

    def read(index: int) -> Image.Image:
        return images.read(index, min_side=job.min_side)

    with torch.inference_mode():
        pictures = job.module.preprocess(list(readers.map(read, job.images)))
        return job.module.prepare(pictures, eager=True)
