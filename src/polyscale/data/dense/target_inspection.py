"""One look at every target: its bytes, its size and the numbers that occur in it.

What is found does not depend on how the numbers are meant, so that it is kept between runs with
other options.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyscale.data.dense.listing import NamedFiles
from polyscale.data.dense.stored import read_stored
from polyscale.data.image import UnreadableImageError
from polyscale.data.inspection import Progress, look_at_all
from polyscale.data.inspection_cache import InspectionCache
from polyscale.types import HW


@dataclass(frozen=True)
class TargetFacts:
    """What a look at a readable target found.

    Attributes:
        digest: of its bytes, 16 bytes.
        target_hw: its size in pixels, upright.
        dtype: NumPy's name of the type of its numbers.
        values: of a mask the numbers that occur; of a depth map the lowest and the highest one that
            is above 0 and finite. Empty where there is none.
    """

    digest: bytes
    target_hw: HW
    dtype: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class TargetKind:
    """Masks or depth maps.

    Attributes:
        word: how errors call one.
        advice: what to do where too few can be used.
        values: stored numbers → `TargetFacts.values`.
    """

    word: str
    advice: str
    values: Callable[[NDArray], tuple[float, ...]]


def _occurring(stored: NDArray) -> tuple[float, ...]:
    if stored.dtype in (np.uint8, np.uint16):
        return tuple(np.flatnonzero(np.bincount(stored.ravel())).tolist())
    return tuple(np.unique(stored).tolist()) if stored.dtype.kind in "ui" else ()


def _extent(stored: NDArray) -> tuple[float, ...]:
    there = stored[(stored > 0) & np.isfinite(stored)]
    return (float(there.min()), float(there.max())) if there.size else ()


MASKS = TargetKind("mask", "Add images, or repair the files.", _occurring)
DEPTH_MAPS = TargetKind(
    "depth map",
    "Repair the files, or say their unit and range with ?per_metre=, ?min= and ?max=.",
    _extent,
)


@dataclass(frozen=True)
class _Targets:
    kind: TargetKind
    cache: InspectionCache

    def recall(self, digest: bytes) -> TargetFacts | None:
        text = self.cache.target(self._key(digest))
        if text is None:
            return None
        try:
            height, width, dtype, values = json.loads(text)
        except ValueError:  # damaged: as if it were not there
            return None
        return TargetFacts(digest, (height, width), dtype, tuple(values))

    def examine(self, digest: bytes, data: bytes, name: str) -> TargetFacts | str:
        try:
            stored = read_stored(data, name=name, word=self.kind.word)
        except UnreadableImageError as error:
            return error.reason
        height, width = stored.shape
        return TargetFacts(digest, (height, width), stored.dtype.name, self.kind.values(stored))

    def keep(
        self, found: Sequence[TargetFacts], files: Sequence[tuple[Path, os.stat_result, bytes]]
    ) -> None:
        rows = [(self._key(f.digest), json.dumps([*f.target_hw, f.dtype, f.values])) for f in found]
        self.cache.keep((), files, rows)

    def _key(self, digest: bytes) -> bytes:
        return blake2b(digest + self.kind.word.encode(), digest_size=16).digest()


def inspect_targets(
    targets: NamedFiles,
    kind: TargetKind,
    *,
    cache: InspectionCache,
    step: str,
    progress: Progress,
) -> list[TargetFacts | str]:
    """Look at every target, in threads.

    Returns:
        For each what was found, or the reason why it cannot be used.

    Raises:
        InputError: if one holds colours, or is in a format that does not keep values.
    """
    examiner = _Targets(kind, cache)
    return look_at_all(targets, examiner, cache=cache, step=step, progress=progress)
