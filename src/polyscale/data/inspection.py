"""One look at every file: for an image its bytes, size and thumbnail, or why it cannot be used."""

import os
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from polyscale.data.image import UnreadableImageError, read_thumb
from polyscale.data.inspection_cache import ImageFacts, InspectionCache
from polyscale.data.listing import Files
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

    def examine(self, digest: bytes, data: bytes, name: str) -> Facts | str:
        """Facts, or the reason why the file cannot be used."""
        ...

    def keep(
        self, found: Sequence[Facts], files: Sequence[tuple[Path, os.stat_result, bytes]]
    ) -> None:
        """Remember new facts, and path, state and digest of files."""
        ...


@dataclass(frozen=True)
class _Look(Generic[Facts]):
    """Facts or a reason, and what the cache should know of the file."""

    found: Facts | str
    new: bool = False
    file: tuple[Path, os.stat_result, bytes] | None = None


@dataclass(frozen=True)
class _Images:
    cache: InspectionCache

    def recall(self, digest: bytes) -> ImageFacts | None:
        return self.cache.facts(digest)

    def examine(self, digest: bytes, data: bytes, name: str) -> ImageFacts | str:
        try:
            image_hw, thumb = read_thumb(data, name=name)
        except UnreadableImageError as error:
            return error.reason
        if min(image_hw) < MIN_SIDE_PX:
            height, width = image_hw
            return f"only {width}×{height} px, at least {MIN_SIDE_PX} are needed"
        return ImageFacts(digest, image_hw, thumb.tobytes())

    def keep(
        self, found: Sequence[ImageFacts], files: Sequence[tuple[Path, os.stat_result, bytes]]
    ) -> None:
        self.cache.keep(found, files)


def inspect(
    images: Files, *, cache: InspectionCache, step: str, progress: Progress
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
    return look_at_all(images, _Images(cache), cache=cache, step=step, progress=progress)


def look_at_all(
    files: Files,
    examiner: Examiner[Facts],
    *,
    cache: InspectionCache,
    step: str,
    progress: Progress,
) -> list[Facts | str]:
    """Look at every file, in threads; see `inspect`."""
    found: list[Facts | str] = []
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(files.ids), BATCH):
            progress(step, start, len(files.ids), "images")
            batch = range(start, min(start + BATCH, len(files.ids)))
            looks = list(pool.map(lambda index: _look(files, index, examiner, cache), batch))
            examiner.keep(
                [x.found for x in looks if x.new and not isinstance(x.found, str)],
                [x.file for x in looks if x.file is not None],
            )
            found += [x.found for x in looks]
    progress(step, len(files.ids), len(files.ids), "images")
    return found


def _look(
    files: Files, index: int, examiner: Examiner[Facts], cache: InspectionCache
) -> _Look[Facts]:
    content, name = files.content(index), files.ids[index]
    if isinstance(content, bytes):
        return _examine(content, name, examiner)
    try:
        before = content.stat()
        if not stat.S_ISREG(before.st_mode):
            return _Look("no regular file")
        digest = cache.digest(content, before)
        facts = None if digest is None else examiner.recall(digest)
        if facts is not None:
            return _Look(facts)
        data = content.read_bytes()
        look = _examine(data, name, examiner)
        # a file that is being written is not kept: its bytes belong to neither state
        whole = len(data) == before.st_size and _same(before, content.stat())
    except OSError as error:
        return _Look(error.strerror or str(error))
    if isinstance(look.found, str) or not whole:
        return look
    return _Look(look.found, look.new, (content, before, _digest(data)))


def _examine(data: bytes, name: str, examiner: Examiner[Facts]) -> _Look[Facts]:
    if not data:
        return _Look("an empty file")
    digest = _digest(data)
    facts = examiner.recall(digest)
    if facts is not None:
        return _Look(facts)
    return _Look(examiner.examine(digest, data, name), True)


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def _same(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
