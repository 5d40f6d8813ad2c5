"""What a source names, before any image is opened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Content = Path | bytes


class Files(Protocol):
    """Files by index."""

    @property
    def ids(self) -> Sequence[str]:
        """What errors call each."""
        ...

    @property
    def content(self) -> Callable[[int], Content]:
        """Index of a file → where it is, or its bytes; may be called from several threads."""
        ...


@dataclass(frozen=True)
class Listing:
    """Images with one class each.

    Attributes:
        ids: name of each image, unique.
        labels: class of each image, an index into the class names (num_images,).
        content: index of an image → its file or its bytes; may be called from several threads.
    """

    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    content: Callable[[int], Content]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> "Listing":
        """Some of the images, in the order of the indices."""
        chosen = np.asarray(indices, dtype=np.int64)
        content = self.content
        return Listing(
            tuple(self.ids[i] for i in chosen),
            self.labels[chosen],
            lambda index: content(int(chosen[index])),
        )


@dataclass(frozen=True)
class Catalogue:
    """What a source holds.

    Attributes:
        class_names: in the order of the labels.
        train: what probes learn from, or everything where the source has no splits.
        test: what they are judged on, or None.
        about: where the split comes from, in words; None where it has yet to be drawn.
        remarks: what the user should know, as sentences.
    """

    class_names: tuple[str, ...]
    train: Listing
    test: Listing | None
    about: str | None
    remarks: tuple[str, ...] = ()


def list_files(files: Sequence[tuple[str, Path, int]]) -> Listing:
    """Images that are files.

    Args:
        files: id, path and label of each.
    """
    paths = [path for _, path, _ in files]
    return Listing(
        tuple(name for name, _, _ in files),
        np.array([label for _, _, label in files], dtype=np.int64),
        paths.__getitem__,
    )
