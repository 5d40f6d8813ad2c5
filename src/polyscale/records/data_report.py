"""What a look at the files of a data set found: what is wrong with them, or worth a look."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from polyscale.records.codec import Count, PositiveCount, Record


@dataclass(frozen=True)
class Unreadable(Record):
    """An image that was left out, and why it cannot be read."""

    id: str
    class_name: str
    reason: str


@dataclass(frozen=True)
class Suspicious(Record):
    """An image of a split, "train" or "test", that was kept but should be looked at, and why."""

    split: str
    id: str
    reason: str


@dataclass(frozen=True)
class ImagePair(Record):
    """A test image and a training image that look the same.

    Attributes:
        distance: bits, of 64, in which their perceptual hashes differ.
        same_bytes: whether the files are equal.
        agreement: correlation of the two pictures in the part that agrees least, -1 to 1. None in
            files of older versions, which compared hashes alone.
    """

    train_id: str
    test_id: str
    distance: Count
    same_bytes: bool
    agreement: float | None = None


Size = tuple[PositiveCount, PositiveCount]
"""Height and width in pixels."""


@dataclass(frozen=True)
class ImageSizes(Record):
    """Sizes of images, upright: the smallest, the middle and the largest one by area."""

    smallest_hw: Size
    median_hw: Size
    largest_hw: Size
    num_different: PositiveCount

    @classmethod
    def of(cls, sizes_hw: Iterable[Size]) -> "ImageSizes | None":
        """Of all images; None without any."""
        ordered = sorted(sizes_hw, key=prod)
        if not ordered:
            return None
        middle = ordered[len(ordered) // 2]
        return cls(ordered[0], middle, ordered[-1], len(set(ordered)))

    def __str__(self) -> str:
        """`640×480 px in the middle, 24×20 to 800×600`: width × height."""
        smallest, median, largest = (
            f"{width}×{height}"
            for height, width in (self.smallest_hw, self.median_hw, self.largest_hw)
        )
        if self.num_different == 1:
            return f"all {median} px"
        return f"{median} px in the middle, {smallest} to {largest}"


@dataclass(frozen=True)
class DataReport(Record):
    """What was found in a data set; `remarks` are sentences.

    Attributes:
        unreadable: images that were left out.
        near_duplicates: test images that look the same as a training image with the same target.
        remarks: what else is to be said.
        suspect_pairs: the same, but with another target: a wrong label, or a difference too small
            to be seen at the size at which pictures are compared.
        suspicious: images that should be looked at.
        sizes: of all images that could be read; None where they are not known.
    """

    unreadable: tuple[Unreadable, ...] = ()
    near_duplicates: tuple[ImagePair, ...] = ()
    remarks: tuple[str, ...] = ()
    suspect_pairs: tuple[ImagePair, ...] = ()
    suspicious: tuple[Suspicious, ...] = ()
    sizes: ImageSizes | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should be warned about, as sentences."""
        notes = []
        if self.unreadable:
            first = self.unreadable[0]
            notes.append(
                f"Images that cannot be read, left out: {len(self.unreadable)}, for example "
                f"{first.id} ({first.reason})."
            )
        if self.near_duplicates:
            notes.append(
                "Test images that look the same as a training image with the same target: "
                f"{_counted(self.near_duplicates)}. If they are copies, results on them say little "
                "about new images."
            )
        if self.suspect_pairs:
            notes.append(
                "Test images that look the same as a training image with another target: "
                f"{_counted(self.suspect_pairs)}. Look at them: a label may be wrong, or the two "
                "differ in a small detail."
            )
        if self.suspicious:
            image = self.suspicious[0]
            notes.append(
                f"Images that are worth a look: {len(self.suspicious)}, for example {image.id} "
                f"({image.reason})."
            )
        return (*notes, *self.remarks)


def _counted(pairs: tuple[ImagePair, ...]) -> str:
    """How many there are, and an example."""
    equal = sum(pair.same_bytes for pair in pairs)
    files = f" ({equal} of them {'is' if equal == 1 else 'are'} the same file)" if equal else ""
    return f"{len(pairs)}{files}, for example {pairs[0].test_id} and {pairs[0].train_id}"
