"""Every file is read once: what is in images, masks and depth maps, or why one is unusable.

What is found in a mask or depth map does not depend on how its numbers are meant, so that it is
kept between runs with other options.
"""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from polyscale.data.image import read_stored, read_thumb
from polyscale.data.inspection_cache import ImageFacts, InspectionCache, TargetFacts
from polyscale.data.listing import Listing
from polyscale.data.pixels import PixelTargets
from polyscale.decode import UnreadableImageError, check_file
from polyscale.errors import InputError, first_line
from polyscale.types import Progress

MIN_SIDE_PX = 8
"""Images with a shorter side hold nothing for a vision model to see."""

BATCH = 512
"""Images between two transactions of the cache: what a killed run loses at most."""

Row = tuple[Any, ...]


def inspect(
    images: Listing, *, cache: InspectionCache, step: str, progress: Progress
) -> list[ImageFacts | str]:
    """For each image what was found in it, or the reason why it cannot be used.

    Files are read in threads, unless the cache knows them. Progress is told after every batch.
    """
    inspection = _Inspection(images, "images", b"", _examine_image, cache)
    return [
        ImageFacts(row[0], (row[1], row[2]), row[3]) if isinstance(row, tuple) else row
        for row in inspection.run(step, progress)
    ]


def _examine_image(data: bytes, name: str) -> Row:
    (height, width), thumb = read_thumb(data, name=name)
    if min(height, width) < MIN_SIDE_PX:
        raise UnreadableImageError(
            name, f"only {width}×{height} px, at least {MIN_SIDE_PX} are needed"
        )
    return height, width, thumb.tobytes()


def inspect_targets(
    targets: Listing, kind: PixelTargets, *, cache: InspectionCache, step: str, progress: Progress
) -> list[TargetFacts | str]:
    """The same for masks or depth maps."""

    def examine(data: bytes, name: str) -> Row:
        stored = read_stored(data, name=name, word=kind.word)
        return (json.dumps([*stored.shape, stored.dtype.name, kind.summary(stored)]),)

    def to_facts(digest: bytes, content: str) -> TargetFacts:
        height, width, dtype, values = json.loads(content)
        return TargetFacts(digest, (height, width), dtype, tuple(values))

    inspection = _Inspection(targets, "targets", kind.word.encode(), examine, cache)
    return [
        to_facts(*row) if isinstance(row, tuple) else row for row in inspection.run(step, progress)
    ]


@dataclass(frozen=True)
class _Inspection:
    """Files of one kind, and what is looked for in them.

    Attributes:
        files: to be read.
        table: of the cache.
        salt: together with the hash of a file's bytes, it makes the key in the table.
        examine: bytes and name → a row of the table; raises `UnreadableImageError` if the file
            cannot be used, or `InputError` if the data set cannot. Called from several threads.
    """

    files: Listing
    table: str
    salt: bytes
    examine: Callable[[bytes, str], Row]
    cache: InspectionCache

    def run(self, step: str, progress: Progress) -> list[Row | str]:
        """For each file the hash of its bytes and its row, or the reason why it has none."""
        results: list[Row | str] = []
        num = len(self.files)
        with ThreadPoolExecutor() as pool:
            for start in range(0, num, BATCH):
                progress(step, start, num, "images")
                results += pool.map(self._row_or_reason, range(start, min(start + BATCH, num)))
                self.cache.commit()
        progress(step, num, num, "images")
        return results

    def _row_or_reason(self, index: int) -> Row | str:
        try:
            return self._row(index)
        except UnreadableImageError as error:
            return error.reason
        except InputError:
            raise
        except (OSError, ValueError) as error:
            return getattr(error, "strerror", None) or first_line(error)

    def _row(self, index: int) -> Row:
        content, cache = self.files.content(index), self.cache
        if isinstance(content, bytes):
            return self._row_of_bytes(content, index)
        before = content.stat()
        check_file(before)
        digest = cache.digest(content, before)
        row = None if digest is None else cache.get(self.table, self._key(digest))
        if digest is not None and row is not None:
            return digest, *row
        data = content.read_bytes()
        found = self._row_of_bytes(data, index)
        after = content.stat()
        # a file that is being written is not kept: its bytes belong to neither state
        times = [(stat.st_mtime_ns, stat.st_ctime_ns) for stat in (before, after)]
        if len(data) == before.st_size and times[0] == times[1]:
            cache.add_file(content, before, found[0])
        return found

    def _row_of_bytes(self, data: bytes, index: int) -> Row:
        name = self.files.ids[index]
        if not data:
            raise UnreadableImageError(name, "an empty file")
        digest = blake2b(data, digest_size=16).digest()
        row = self.cache.get(self.table, self._key(digest))
        if row is not None:
            return digest, *row
        new = self.examine(data, name)
        self.cache.add(self.table, self._key(digest), *new)
        return digest, *new

    def _key(self, digest: bytes) -> bytes:
        return blake2b(digest + self.salt, digest_size=16).digest() if self.salt else digest
