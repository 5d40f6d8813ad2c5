"""One look at every file: what is found in images, masks and depth maps, or why one is unusable.

What is found in a mask or depth map does not depend on how its numbers are meant, so that it is
kept between runs with other options.
"""

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from numpy.typing import NDArray

from polyscale.data.image import UnreadableImageError, check_file, read_stored, read_thumb
from polyscale.data.inspection_cache import ImageFacts, InspectionCache, TargetFacts
from polyscale.data.listing import Listing
from polyscale.errors import InputError, first_line
from polyscale.types import Progress as Progress

MIN_SIDE_PX = 8
"""Images with a shorter side hold nothing for a vision model to see."""

BATCH = 512
"""Images between two transactions of the cache: what a killed run loses at most."""


Facts = TypeVar("Facts")


class Examiner(Protocol[Facts]):
    """What is looked for in files of one kind; called from several threads."""

    def recall(self, digest: bytes) -> Facts | None:
        """What an earlier run found in these bytes."""
        ...

    def examine(self, digest: bytes, data: bytes, name: str) -> Facts:
        """What is found in the bytes.

        Raises:
            UnreadableImageError: if the file cannot be used.
            InputError: if the data set cannot be used.
        """
        ...

    def keep(
        self, facts: Sequence[Facts], files: Sequence[tuple[Path, os.stat_result, bytes]]
    ) -> None:
        """Remember new facts, and path, state and digest of files."""
        ...


@dataclass(frozen=True)
class _Look(Generic[Facts]):
    """Facts or the reason why there are none, and what the cache should know of the file."""

    result: Facts | str
    new: bool = False
    file: tuple[Path, os.stat_result, bytes] | None = None


@dataclass(frozen=True)
class _Images:
    cache: InspectionCache

    def recall(self, digest: bytes) -> ImageFacts | None:
        return self.cache.facts(digest)

    def examine(self, digest: bytes, data: bytes, name: str) -> ImageFacts:
        image_hw, thumb = read_thumb(data, name=name)
        if min(image_hw) < MIN_SIDE_PX:
            height, width = image_hw
            raise UnreadableImageError(
                name, f"only {width}×{height} px, at least {MIN_SIDE_PX} are needed"
            )
        return ImageFacts(digest, image_hw, thumb.tobytes())

    def keep(
        self, facts: Sequence[ImageFacts], files: Sequence[tuple[Path, os.stat_result, bytes]]
    ) -> None:
        self.cache.keep(facts, files)


@dataclass(frozen=True)
class _Targets:
    word: str
    summary: Callable[[NDArray], tuple[float, ...]]
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

    def examine(self, digest: bytes, data: bytes, name: str) -> TargetFacts:
        stored = read_stored(data, name=name, word=self.word)
        height, width = stored.shape
        return TargetFacts(digest, (height, width), stored.dtype.name, self.summary(stored))

    def keep(
        self, facts: Sequence[TargetFacts], files: Sequence[tuple[Path, os.stat_result, bytes]]
    ) -> None:
        rows = [(self._key(f.digest), json.dumps([*f.target_hw, f.dtype, f.values])) for f in facts]
        self.cache.keep((), files, rows)

    def _key(self, digest: bytes) -> bytes:
        return blake2b(digest + self.word.encode(), digest_size=16).digest()


def inspect(
    images: Listing, *, cache: InspectionCache, step: str, progress: Progress
) -> list[ImageFacts | str]:
    """Look at every image, in threads.

    Args:
        images: what to look at.
        cache: what earlier runs found.
        step: how progress calls it.
        progress: told after every batch.

    Returns:
        For each image what was found, or the reason why it cannot be used.
    """
    return _look_at_all(images, _Images(cache), cache, step, progress)


def inspect_targets(
    targets: Listing,
    word: str,
    summary: Callable[[NDArray], tuple[float, ...]],
    *,
    cache: InspectionCache,
    step: str,
    progress: Progress,
) -> list[TargetFacts | str]:
    """Look at every mask or depth map; see `inspect`.

    Args:
        targets: what to look at.
        word: what a target is, as errors call it.
        summary: stored numbers → `TargetFacts.values`.
        cache: what earlier runs found.
        step: how progress calls it.
        progress: told after every batch.

    Raises:
        InputError: if one holds colours, or is in a format that does not keep values.
    """
    return _look_at_all(targets, _Targets(word, summary, cache), cache, step, progress)


def _look_at_all(
    files: Listing,
    examiner: Examiner[Facts],
    cache: InspectionCache,
    step: str,
    progress: Progress,
) -> list[Facts | str]:
    results: list[Facts | str] = []
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(files.ids), BATCH):
            progress(step, start, len(files.ids), "images")
            batch = range(start, min(start + BATCH, len(files.ids)))
            looks = list(pool.map(lambda index: _look(files, index, examiner, cache), batch))
            examiner.keep(
                [x.result for x in looks if x.new and not isinstance(x.result, str)],
                [x.file for x in looks if x.file is not None],
            )
            results += [x.result for x in looks]
    progress(step, len(files.ids), len(files.ids), "images")
    return results


def _look(
    files: Listing, index: int, examiner: Examiner[Facts], cache: InspectionCache
) -> _Look[Facts]:
    name = files.ids[index]
    try:
        content = files.content(index)
        if isinstance(content, bytes):
            return _examine(content, name, examiner)
        return _look_at_file(content, name, examiner, cache)
    except UnreadableImageError as error:
        return _Look(error.reason)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        return _Look(getattr(error, "strerror", None) or first_line(error))


def _look_at_file(
    file: Path, name: str, examiner: Examiner[Facts], cache: InspectionCache
) -> _Look[Facts]:
    before = file.stat()
    check_file(before)
    digest = cache.digest(file, before)
    facts = None if digest is None else examiner.recall(digest)
    if facts is not None:
        return _Look(facts)
    data = file.read_bytes()
    look = _examine(data, name, examiner)
    # a file that is being written is not kept: its bytes belong to neither state
    if len(data) != before.st_size or not _same(before, file.stat()):
        return look
    return _Look(look.result, look.new, (file, before, _digest(data)))


def _examine(data: bytes, name: str, examiner: Examiner[Facts]) -> _Look[Facts]:
    if not data:
        raise UnreadableImageError(name, "an empty file")
    digest = _digest(data)
    facts = examiner.recall(digest)
    if facts is not None:
        return _Look(facts)
    return _Look(examiner.examine(digest, data, name), True)


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def _same(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
