"""Hard examples as sentences: what the larger model gains on them, and what kinds they are."""

from polyscale.records import HardExamples, HardImage, HardKind, Metric
from polyscale.report.metric_words import MetricWords
from polyscale.report.numbers import LEVEL, NBSP
from polyscale.report.run import Run

PROBABILITY = MetricWords(Metric(key="probability", name="Probability", unit="%"))
"""Gains are differences of probabilities, in percentage points."""


def hard_answers(run: Run) -> list[str]:
    """For each family: does the larger model gain on images on which several scales do not?"""
    return [hard_finding(run, hard) for hard in run.hard]


def hard_finding(run: Run, hard: HardExamples) -> str:
    """What was found, in one sentence."""
    gain = PROBABILITY.finding(hard.gain.value, hard.gain.ci_low, hard.gain.ci_high)
    larger = run.names[hard.larger]
    others = f"the better of {run.names[hard.base]} and {run.names[hard.s2]}"
    where = (
        "on images that heads trained on one half of the training images choose, heads trained on "
        f"the other half measure a gain of {gain} in the probability of the right class."
    )
    if not hard.is_found:
        return f"No images were found on which {larger} gains beyond chance over {others}: {where}"
    return f"There are images on which {larger} gains over {others}: {where}"


def turned_round(run: Run, hard: HardExamples) -> str:
    """The same search for several scales, as a yardstick for the gain of the larger model."""
    gain, s2 = hard.gain, hard.s2_gain
    found = PROBABILITY.finding(s2.value, s2.ci_low, s2.ci_high)
    if s2.ci_low > gain.ci_high:
        so = "So several scales win more on their best images than the larger model on its own."
    elif s2.ci_high < gain.ci_low:
        so = "So the larger model wins more on its best images than several scales on theirs."
    else:
        so = (
            "That is not clearly less or more. For any two models there are images on which one of "
            "them is ahead, and the gain of the larger model may be no more than that."
        )
    return (
        f"In the opposite search, {run.names[hard.s2]} gains {found} over the better of the other "
        f"two, on the same number of images, found in the same way. {so}"
    )


def kinds_text(hard: HardExamples) -> str:
    """Shares of the gain on images with ambiguous labels, and on images that look rare."""
    if hard.rare is None or hard.ambiguous is None:
        return ""
    ambiguous = _kind_text(hard.ambiguous)
    rare = _kind_text(hard.rare)
    return (
        f"Of the larger model’s gain, {ambiguous[0]} is on images with ambiguous labels, "
        f"{ambiguous[1]}; {rare[0]} is on images that look rare, {rare[1]}."
    )


def _kind_text(kind: HardKind) -> tuple[str, str]:
    low, high, all_images = (
        f"{100 * share:.0f}" for share in (kind.ci_low, kind.ci_high, kind.share_of_images)
    )
    share = f"{100 * kind.share_of_gain:.0f}{NBSP}% ({LEVEL} interval {low} to {high})"
    if kind.ci_low > kind.share_of_images:
        than = "more than their"
    elif kind.ci_high < kind.share_of_images:
        than = "less than their"
    else:
        than = "which can’t be told from their"
    return share, f"{than} share of all test images, {all_images}{NBSP}%"


def kind_of(image: HardImage) -> str:
    """`rare look, ambiguous label`."""
    kinds = (("rare look", image.rare), ("ambiguous label", image.ambiguous))
    return ", ".join(name for name, holds in kinds if holds) or "neither rare nor ambiguous"
