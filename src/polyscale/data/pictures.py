"""Pictures whose targets lie elsewhere: questions about them, or the actions of a robot."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyscale.data.dataset import ReadImage, changed_fingerprint, read_chosen


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures in an order, without targets of their own; features can be extracted from them.

    Attributes:
        ids: name of each picture, unique.
        read: index of a picture → 8-bit RGB, upright.
        fingerprint: changes when any picture changes, and with nothing else.
    """

    ids: tuple[str, ...]
    read: ReadImage
    fingerprint: str

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, indices: NDArray[np.integer]) -> "Pictures":
        """The pictures at the indices, in their order."""
        chosen = [int(i) for i in indices]
        return Pictures(
            tuple(self.ids[i] for i in chosen),
            read_chosen(self.read, chosen),
            changed_fingerprint(self.fingerprint, chosen),
        )
