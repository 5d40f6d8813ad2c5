"""Test images on which the larger model still gains: the content of `hard.json`."""

from dataclasses import dataclass

from polyscale.records.codec import Count, NotNegative, PositiveCount, Record, Share
from polyscale.records.data import Estimate


@dataclass(frozen=True, kw_only=True)
class HardImage(Record):
    """An image that at least half of all searches find.

    Probabilities are those of its class, and like predictions from the mean over all heads of a
    candidate, each of which learned from half of the training images.

    Attributes:
        id: of the test image.
        label: its class.
        times_found: searches that find it.
        gain: mean probability that the larger model gives to its class beyond the better of the
            other two, measured with the half of the training images that did not find it.
        base_prediction: the class that the base candidate names, and `base_probability` what it
            gives to the image's class; likewise for `s2` and `larger`.
        rarity: share of the training images of its class that look less rare.
        entropy: of the larger model's probabilities, in nats.
        margin: between its two largest probabilities.
        label_quality: cleanlab's score of the label.
        ambiguity: share of the test images whose label is less ambiguous.
        rare: whether it looks rare.
        ambiguous: whether its label is ambiguous.
        easy: ids of up to two test images of its class that no search finds, those to whose class
            all three candidates give the most probability.
    """

    id: str
    label: str
    times_found: PositiveCount
    gain: float
    base_prediction: str
    base_probability: Share
    s2_prediction: str
    s2_probability: Share
    larger_prediction: str
    larger_probability: Share
    rarity: Share
    entropy: NotNegative
    margin: Share
    label_quality: Share
    ambiguity: Share
    rare: bool
    ambiguous: bool
    easy: tuple[str, ...]


@dataclass(frozen=True)
class HardKind(Record):
    """A kind of image, rare or ambiguous.

    Attributes:
        share_of_gain: share of the larger model's gain on what was found that lies on such images;
            `ci_low` and `ci_high` are the ends of its 95 % interval over images.
        share_of_images: share of all test images that are such.
    """

    share_of_gain: Share
    ci_low: Share
    ci_high: Share
    share_of_images: Share


@dataclass(frozen=True, kw_only=True)
class HardExamples(Record):
    """Where the larger model of a family gains most while several scales of the small one do not.

    Attributes:
        family: of the three candidates.
        base: the small model at scale 1.
        s2: the small model at several scales.
        larger: the larger model at scale 1.
        num_halvings: how often the training images were divided into halves; two searches each.
        num_test: test images.
        num_found: images that one search finds, at most.
        gain: on images that one half of the training images finds, as measured with the other half:
            the probability that the larger model gives to the right class beyond the better of the
            other two.
        s2_gain: the same turned round: of several scales beyond the better of the other two, on as
            many images that are found in the same way.
        rare: how much of the gain lies on images that look rare; None if nothing was found.
        ambiguous: how much of it lies on ambiguous labels; None if nothing was found.
        images: those that are found most often; empty if nothing was found.
    """

    family: str
    base: str
    s2: str
    larger: str
    num_halvings: PositiveCount
    num_test: PositiveCount
    num_found: Count
    gain: Estimate
    s2_gain: Estimate
    rare: HardKind | None = None
    ambiguous: HardKind | None = None
    images: tuple[HardImage, ...] = ()

    def __post_init__(self) -> None:
        if self.images and not self.is_found:
            raise ValueError("must hold no images if the interval of the gain reaches zero")

    @property
    def is_found(self) -> bool:
        """Whether there is more to the gain than chance: its whole interval is above zero."""
        return self.gain.ci_low > 0
