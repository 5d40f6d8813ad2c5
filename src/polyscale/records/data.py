"""What a run keeps of its data: how many images there are, and what was wrong with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from polyscale.records.codec import Count, Record, Share, check_lengths
from polyscale.records.data_report import DataReport


@dataclass(frozen=True, kw_only=True)
class DataRecord(Record):
    """The data of a run: the content of `data.json`.

    Attributes:
        about: how the data were split.
        samples: what `num_train` and `num_test` count, in words.
        classes: training and test images of each class, label or range; of those that show it,
            if pixels have classes. Empty if there is nothing to count.
        report: what was wrong with the images.
        class_names: of pixels, if pixels have classes.
        min_depth_m: depths from `min_depth_m` to `max_depth_m` metres are judged, if pixels have
            depths.
        grouped_by: what `classes` are: "class", "label", "range" of numbers.
        num_counted: training and test images in which classes were counted.
        pixel_shares: share of each class of all pixels of these, if pixels have classes.
        crop_yxyx: the part of each image that is judged, as shares of its height and width (top,
            left, bottom, right); None judges everything.
        num_unlimited: images from which a limit drew: those of the test split, or all where the
            test images are drawn; None without a limit.
    """

    name: str
    about: str
    num_train: Count
    num_test: Count
    samples: tuple[str, str] = ("training images", "test images")
    classes: Mapping[str, tuple[Count, Count]] = field(default_factory=dict)
    report: DataReport = field(default_factory=DataReport)
    class_names: tuple[str, ...] = ()
    grouped_by: str = "class"
    num_counted: tuple[Count, Count] | None = None
    pixel_shares: Mapping[str, tuple[Share, Share]] = field(default_factory=dict)
    min_depth_m: float | None = None
    max_depth_m: float | None = None
    crop_yxyx: tuple[Share, Share, Share, Share] | None = None
    num_unlimited: Count | None = None


@dataclass(frozen=True, kw_only=True)
class ClassIous(Record):
    """IoU of each class, in the order of the labels: the content of `classes.json`.

    Attributes:
        names: of the classes.
        train_px: pixels of each class in the training images, or nothing.
        test_px: pixels of each class in the test images.
        test_images: number of test images that show it.
        iou: of each candidate; None for a class that no test image shows.
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
    """First less second candidate in each bin; None if the bin has no object."""

    first: str
    second: str
    bins: tuple[Gain | None, ...]


@dataclass(frozen=True, kw_only=True)
class Sizes(Record):
    """Mean IoU of objects by their number of pixels: the content of `sizes.json`.

    Attributes:
        edges_px: rising limits of the bins; None for no limit.
        num_objects: in each bin.
        iou: of each candidate in each bin; None if the bin has no object.
        contrasts: differences of candidates in each bin.
    """

    edges_px: tuple[Count | None, ...]
    num_objects: tuple[Count, ...]
    iou: Mapping[str, tuple[Estimate | None, ...]]
    contrasts: tuple[SizeContrast, ...]

    def __post_init__(self) -> None:
        bins = (contrast.bins for contrast in self.contrasts)
        check_lengths(self.edges_px[1:], self.num_objects, *self.iou.values(), *bins)
        *inner, last = self.edges_px or (None, None)
        edges = inner if last is None else [*inner, last]
        if edges != sorted(edge for edge in set(edges) if edge is not None):
            raise ValueError("must hold rising edges_px, of which only the last may be null")

    def gain(self, first: str, second: str) -> tuple[Gain | None, ...] | None:
        """First less second candidate in each bin, also if they were compared the other way."""
        for contrast in self.contrasts:
            if (contrast.first, contrast.second) == (first, second):
                return contrast.bins
            if (contrast.first, contrast.second) == (second, first):
                return tuple(
                    b and Gain(-b.difference, -b.ci_high, -b.ci_low) for b in contrast.bins
                )
        return None
