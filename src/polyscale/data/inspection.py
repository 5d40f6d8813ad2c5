"""One look at every image: its bytes, its size and a thumbnail, or why it cannot be used."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from polyscale.data.image import UnreadableImageError, read_thumb
from polyscale.data.inspection_cache import ImageFacts, InspectionCache
from polyscale.data.listing import Listing
from polyscale.types import Progress as Progress

MIN_SIDE_PX = 8
"""Images with a shorter side hold nothing for a vision model to see."""

BATCH = 512
"""Images between two transactions of the cache: what a killed run loses at most."""


@dataclass(frozen=True)
class _Look:
    """Facts or a reason, and what the cache should know of the file."""

    found: ImageFacts | str
    new: bool = False
    file: tuple[Path, os.stat_result, bytes] | None = None


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
    found: list[ImageFacts | str] = []
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(images), BATCH):
            progress(step, start, len(images), "images")
            batch = range(start, min(start + BATCH, len(images)))
            looks = list(pool.map(lambda index: _look(images, index, cache), batch))
            cache.keep(
                [x.found for x in looks if x.new and isinstance(x.found, ImageFacts)],
                [x.file for x in looks if x.file is not None],
            )
            found += [x.found for x in looks]
    progress(step, len(images), len(images), "images")
    return found


def _look(images: Listing, index: int, cache: InspectionCache) -> _Look:
    content = images.content(index)
    if isinstance(content, bytes):
        found, new = _examine(content, cache)
        return _Look(found, new)
    try:
        before = content.stat()
        if not stat.S_ISREG(before.st_mode):
            return _Look("no regular file")
        digest = cache.digest(content, before)
        facts = None if digest is None else cache.facts(digest)
        if facts is not None:
            return _Look(facts)
        data = content.read_bytes()
        found, new = _examine(data, cache)
        # a file that is being written is not kept: its bytes belong to neither state
        whole = len(data) == before.st_size and _same(before, content.stat())
    except OSError as error:
        return _Look(error.strerror or str(error))
    if isinstance(found, str) or not whole:
        return _Look(found, new)
    return _Look(found, new, (content, before, found.digest))


def _examine(data: bytes, cache: InspectionCache) -> tuple[ImageFacts | str, bool]:
    """What is found in an image, and whether the cache had to learn it."""
    if not data:
        return "an empty file", False
    digest = blake2b(data, digest_size=16).digest()
    facts = cache.facts(digest)
    if facts is not None:
        return facts, False
    try:
        image_hw, thumb = read_thumb(data, name="")
    except UnreadableImageError as error:
        return error.reason, False
    if min(image_hw) < MIN_SIDE_PX:
        height, width = image_hw
        return f"only {width}×{height} px, at least {MIN_SIDE_PX} are needed", False
    return ImageFacts(digest, image_hw, thumb.tobytes()), True


def _same(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
