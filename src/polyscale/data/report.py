"""What was found wrong with a data set: nothing is dropped in silence."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Unreadable:
    """An image that was left out.

    Attributes:
        id: its name.
        class_name: its class.
        reason: why it cannot be used.
    """

    id: str
    class_name: str
    reason: str


@dataclass(frozen=True)
class NearDuplicate:
    """A test image that the probe has as good as seen.

    Attributes:
        train_id: the training image that is nearest to it.
        test_id: its name.
        distance: bits of 64 in which their perceptual hashes differ.
        same_bytes: whether the two files are equal.
    """

    train_id: str
    test_id: str
    distance: int
    same_bytes: bool


@dataclass(frozen=True)
class DataReport:
    """What was found in a data set.

    Attributes:
        unreadable: images that were left out.
        near_duplicates: test images with a copy among the training images, each with the nearest.
        remarks: anything else worth a warning, as sentences.
    """

    unreadable: tuple[Unreadable, ...] = ()
    near_duplicates: tuple[NearDuplicate, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """All of it as sentences for people."""
        notes = []
        if self.unreadable:
            first = self.unreadable[0]
            notes.append(
                f"Images that cannot be read, left out: {len(self.unreadable)}, for example "
                f"{first.id} ({first.reason})."
            )
        if self.near_duplicates:
            pair = self.near_duplicates[0]
            same = sum(d.same_bytes for d in self.near_duplicates)
            notes.append(
                f"Test images nearly the same as a training image: {len(self.near_duplicates)}, "
                f"{same} of them byte for byte, for example {pair.test_id} and {pair.train_id}. "
                "Accuracies on them say little about new images."
            )
        return (*notes, *self.remarks)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON holds it."""
        return {
            "unreadable": [asdict(image) for image in self.unreadable],
            "near_duplicates": [asdict(pair) for pair in self.near_duplicates],
            "remarks": list(self.remarks),
        }

    @classmethod
    def from_dict(cls, report: dict[str, Any]) -> "DataReport":
        """Read what `to_dict` wrote, after its way through JSON."""
        return cls(
            tuple(Unreadable(**image) for image in report["unreadable"]),
            tuple(NearDuplicate(**pair) for pair in report["near_duplicates"]),
            tuple(report["remarks"]),
        )
