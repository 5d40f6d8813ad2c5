"""Decoded pictures that the next model sees as well, as long as they fit into memory."""

from threading import Lock

import torch
from PIL import Image

from polyscale.decode import DRAFT_MARGIN
from polyscale.features.keys import Images
from polyscale.operator.backbones import free_bytes

SHARE = 1 / 4
"""Of the free memory that decoded pictures may take."""

PIXEL_BYTES = 4
"""Of Pillow's RGB."""


def remembered(*splits: Images) -> tuple["RememberedImages", ...]:
    """Splits of a data set whose pictures share a memory."""
    memory = PictureMemory()
    return tuple(RememberedImages(images, memory) for images in splits)


class PictureMemory:
    """How many bytes the pictures of a run may take, all splits together."""

    def __init__(self) -> None:
        self._left, self._lock = int(SHARE * free_bytes(torch.device("cpu"))), Lock()

    def take(self, num_bytes: int) -> bool:
        """Whether there is room for so many more; it is taken then."""
        with self._lock:
            has_room = num_bytes <= self._left
            self._left -= num_bytes if has_room else 0
            return has_room


class RememberedImages:
    """Images of a split, each decoded once while there is room; others are decoded as usual.

    Pictures go to several models in turn, image by image. So the first that fit are kept: if the
    oldest made room, none would be there any more when it is wanted.

    Args:
        images: of the split.
        memory: where pictures are kept.
    """

    def __init__(self, images: Images, memory: PictureMemory) -> None:
        self._images, self._memory = images, memory
        self._kept: dict[int, tuple[Image.Image, int | None]] = {}
        self.fingerprint = images.fingerprint

    def __len__(self) -> int:
        return len(self._images)

    def read(self, index: int, min_side: int | None = None) -> Image.Image:
        """The picture that the images themselves would give."""
        picture, kept_side = self._kept.get(index, (None, None))
        if picture is not None and is_decoded_alike(min(picture.size), kept_side, min_side):
            return picture
        read = self._images.read(index, min_side=min_side)
        if picture is None and self._memory.take(PIXEL_BYTES * read.width * read.height):
            self._kept[index] = read, min_side
        return read


def is_decoded_alike(shorter_px: int, kept_side: int | None, min_side: int | None) -> bool:
    """Whether a picture that was decoded for one side is what another side would give.

    A JPEG is decoded at the smallest of 1, 1/2, 1/4, 1/8 of its size that is `DRAFT_MARGIN` times
    as long as the side asks for. Where the size that came out does not tell, the answer is no.

    Args:
        shorter_px: shorter side of the picture that came out.
        kept_side: for which it was decoded; None is a whole picture.
        min_side: what is asked for now.

    Examples:
        >>> is_decoded_alike(1344, 448, 480)  # both need it whole
        True
        >>> is_decoded_alike(1344, 448, 128), is_decoded_alike(336, 128, 448)
        (False, False)
    """
    if kept_side == min_side:
        return True
    if min_side is None or kept_side is None:
        return False
    is_whole = shorter_px < DRAFT_MARGIN * kept_side
    is_enough = shorter_px > DRAFT_MARGIN * min_side
    return (is_whole or is_enough) and shorter_px < 2 * DRAFT_MARGIN * min_side
