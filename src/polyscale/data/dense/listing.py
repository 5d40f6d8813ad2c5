"""What a source with a target for every pixel names, before any file is opened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyscale.data.listing import Content


@dataclass(frozen=True)
class NamedFiles:
    """Files by index.

    Attributes:
        ids: name of each, unique among the images.
        content: index → its file or its bytes; may be called from several threads.
    """

    ids: tuple[str, ...]
    content: Callable[[int], Content]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> "NamedFiles":
        """Some of them, in the order of the indices."""
        chosen = np.asarray(indices, dtype=np.int64)
        content = self.content
        return NamedFiles(
            tuple(self.ids[i] for i in chosen), lambda index: content(int(chosen[index]))
        )


@dataclass(frozen=True)
class DenseListing:
    """Images and the target of each.

    Attributes:
        images: what is looked at.
        targets: masks or depth maps, in the same order.
    """

    images: NamedFiles
    targets: NamedFiles

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> "DenseListing":
        """Some of them, in the order of the indices."""
        return DenseListing(self.images.take(indices), self.targets.take(indices))


@dataclass(frozen=True)
class DenseCatalogue:
    """What a source holds.

    Attributes:
        train: what heads learn from, or everything where the source has no splits.
        test: what they are judged on, or None.
        about: where the split comes from, in words; None where it has yet to be drawn.
        remarks: what the user should know, as sentences.
    """

    train: DenseListing
    test: DenseListing | None
    about: str | None
    remarks: tuple[str, ...] = ()


def list_pairs(pairs: Sequence[tuple[str, Path, str, Path]]) -> DenseListing:
    """Images and targets that are files.

    Args:
        pairs: id and path of each image, name and path of its target.
    """
    images, targets = [p[1] for p in pairs], [p[3] for p in pairs]
    return DenseListing(
        NamedFiles(tuple(p[0] for p in pairs), images.__getitem__),
        NamedFiles(tuple(p[2] for p in pairs), targets.__getitem__),
    )
