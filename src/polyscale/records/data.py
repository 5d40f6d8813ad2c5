"""What a run keeps of its data: how many images there are, and what was found wrong with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from polyscale.records.addons import check_lengths
from polyscale.records.codec import Count, Record, Share


@dataclass(frozen=True)
class Unreadable(Record):
    """An image that was left out: its name, its class, and why it cannot be used."""

    id: str
    class_name: str
    reason: str


@dataclass(frozen=True)
class NearDuplicate(Record):
    """A test image that is nearly the same as a training image.

    Attributes:
        train_id: the training image that is nearest to it.
        test_id: its name.
        distance: bits of 64 in which their perceptual hashes differ.
        same_bytes: whether the two files are equal.
    """

    train_id: str
    test_id: str
    distance: Count
    same_bytes: bool


@dataclass(frozen=True)
class DataReport(Record):
    """What was found wrong with a data set; `remarks` are sentences."""

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


@dataclass(frozen=True, kw_only=True)
class DataRecord(Record):
    """The data of a run: the content of `data.json`.

    Attributes:
        name: of the data.
        about: how it was split.
        num_train: training images.
        num_test: test images.
        classes: training and test images of each class; empty where an image has no single class.
        report: what was found wrong with the images.
        class_names: of pixels, where those have classes.
        min_depth_m: depths from here on are judged, in metres, where pixels have a depth.
        max_depth_m: up to here.
        crop_yxyx: the part of each image that is judged, as shares of its height and width (top,
            left, bottom, right); None for all of it.
    """

    name: str
    about: str
    num_train: Count
    num_test: Count
    classes: Mapping[str, tuple[Count, Count]] = field(default_factory=dict)
    report: DataReport = field(default_factory=DataReport)
    class_names: tuple[str, ...] = ()
    min_depth_m: float | None = None
    max_depth_m: float | None = None
    crop_yxyx: tuple[Share, Share, Share, Share] | None = None


@dataclass(frozen=True, kw_only=True)
class ClassIous(Record):
    """IoU class by class, in the order of the labels: the content of `classes.json`.

    Attributes:
        names: of the classes.
        train_px: pixels of each in the training images; empty in files of older runs.
        test_px: pixels of each in the test images.
        test_images: test images that show it.
        iou: of each candidate; None for a class that is on no test image.
    """

    names: tuple[str, ...]
    test_px: tuple[Count, ...]
    test_images: tuple[Count, ...]
    iou: Mapping[str, tuple[Share | None, ...]]
    train_px: tuple[Count, ...] = ()

    def __post_init__(self) -> None:
        check_lengths(self.names, self.test_px, self.test_images, *self.iou.values())


@dataclass(frozen=True)
class Estimate(Record):
    """A value and its 95 % interval."""

    value: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class Gain(Record):
    """A difference and its 95 % interval."""

    difference: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class SizeContrast(Record):
    """First less second candidate in each bin; None where there is no object."""

    first: str
    second: str
    bins: tuple[Gain | None, ...]


@dataclass(frozen=True, kw_only=True)
class Sizes(Record):
    """Mean IoU of objects by how many pixels they have: the content of `sizes.json`.

    Attributes:
        edges_px: of the bins, rising; None for no end.
        num_objects: in each bin.
        iou: of each candidate in each bin; None where there is no object.
        contrasts: differences of candidates in each bin.
    """

    edges_px: tuple[Count | None, ...]
    num_objects: tuple[Count, ...]
    iou: Mapping[str, tuple[Estimate | None, ...]]
    contrasts: tuple[SizeContrast, ...]

    def __post_init__(self) -> None:
        bins = (own.bins for own in self.contrasts)
        check_lengths(self.edges_px[1:], self.num_objects, *self.iou.values(), *bins)
        inner = [edge for edge in self.edges_px[:-1] if edge is not None]
        last = self.edges_px[-1] if self.edges_px else None
        edges = [*inner, *([] if last is None else [last])]
        if len(inner) != len(self.edges_px) - 1 or sorted(set(edges)) != edges:
            raise ValueError("must hold rising edges_px, of which only the last may be null")

    def gain(self, first: str, second: str) -> tuple[Gain | None, ...] | None:
        """Of two candidates in each bin, turned round where it was written the other way."""
        for own in self.contrasts:
            if (own.first, own.second) == (first, second):
                return own.bins
            if (own.first, own.second) == (second, first):
                return tuple(b and Gain(-b.difference, -b.ci_high, -b.ci_low) for b in own.bins)
        return None
