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
from typing import Generic, TypeVar

from numpy.typing import NDArray

from polyscale.data.image import read_stored, read_thumb
from polyscale.data.inspection_cache import ImageFacts, InspectionCache, TargetFacts
from polyscale.data.listing import Listing
from polyscale.decode import UnreadableImageError, check_file
from polyscale.errors import InputError, first_line
from polyscale.types import Progress as Progress

MIN_SIDE_PX = 8
"""Images with a shorter side hold nothing for a vision model to see."""

BATCH = 512
"""Images between two transactions of the cache: what a killed run loses at most."""


Facts = TypeVar("Facts")


Seen = tuple[Path, os.stat_result, bytes]
"""Path, state and digest of a file."""


@dataclass(frozen=True)
class _Examiner(Generic[Facts]):
    """What is looked for in files of one kind; called from several threads.

    Attributes:
        recall: digest of a file's bytes → what an earlier run found in them, or None.
        examine: digest, bytes and name → facts; raises `UnreadableImageError` if the file cannot
            be used, or `InputError` if the data set cannot.
        keep: remembers new facts, and files.
    """

    recall: Callable[[bytes], Facts | None]
    examine: Callable[[bytes, bytes, str], Facts]
    keep: Callable[[Sequence[Facts], Sequence[Seen]], None]


@dataclass(frozen=True)
class _Look(Generic[Facts]):
    """Facts or the reason why there are none, and what the cache should know of the file."""

    result: Facts | str
    new: bool = False
    file: Seen | None = None


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

    def examine(digest: bytes, data: bytes, name: str) -> ImageFacts:
        image_hw, thumb = read_thumb(data, name=name)
        if min(image_hw) < MIN_SIDE_PX:
            height, width = image_hw
            raise UnreadableImageError(
                name, f"only {width}×{height} px, at least {MIN_SIDE_PX} are needed"
            )
        return ImageFacts(digest, image_hw, thumb.tobytes())

    examiner = _Examiner(cache.facts, examine, cache.keep)
    return _look_at_all(images, examiner, cache, step, progress)


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
    """

    def key(digest: bytes) -> bytes:
        return blake2b(digest + word.encode(), digest_size=16).digest()

    def recall(digest: bytes) -> TargetFacts | None:
        try:
            height, width, dtype, values = json.loads(cache.target(key(digest)) or "")
        except ValueError:  # not there, or damaged
            return None
        return TargetFacts(digest, (height, width), dtype, tuple(values))

    def examine(digest: bytes, data: bytes, name: str) -> TargetFacts:
        stored = read_stored(data, name=name, word=word)
        height, width = stored.shape
        return TargetFacts(digest, (height, width), stored.dtype.name, summary(stored))

    def keep(facts: Sequence[TargetFacts], files: Sequence[Seen]) -> None:
        rows = [(key(f.digest), json.dumps([*f.target_hw, f.dtype, f.values])) for f in facts]
        cache.keep((), files, rows)

    return _look_at_all(targets, _Examiner(recall, examine, keep), cache, step, progress)


def _look_at_all(
    files: Listing,
    examiner: _Examiner[Facts],
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
    files: Listing, index: int, examiner: _Examiner[Facts], cache: InspectionCache
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
    file: Path, name: str, examiner: _Examiner[Facts], cache: InspectionCache
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


def _examine(data: bytes, name: str, examiner: _Examiner[Facts]) -> _Look[Facts]:
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
