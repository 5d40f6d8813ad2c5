"""What extraction needs to know of images."""

from collections.abc import Sized
from typing import Protocol

from polyscale.data.dataset import ReadImage


class Images(Sized, Protocol):
    """Images in an order, such as a split of a data set."""

    @property
    def read(self) -> ReadImage:
        """Index of an image → 8-bit RGB."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes when any image changes."""
        ...
