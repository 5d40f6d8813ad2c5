"""Hard examples as sentences: what the larger model gains on them, and what kinds they are."""

from polyscale.records import HardExamples, HardImage, HardKind, Metric
from polyscale.report.metric_words import MetricWords
from polyscale.report.numbers import LEVEL, NBSP
from polyscale.report.run import Run

PROBABILITY = MetricWords(Metric(key="probability", name="Probability", unit="%"))
"""Gains are differences of probabilities, told in points."""


def hard_answers(run: Run) -> list[str]:
    """For each family whether the larger model gains on images on which several scales do not."""
    return [hard_finding(run, hard) for hard in run.hard]


def hard_finding(run: Run, hard: HardExamples) -> str:
    """What was found, in one sentence."""
    gain = PROBABILITY.finding(hard.gain.value, hard.gain.ci_low, hard.gain.ci_high)
    larger = run.names[hard.larger]
    others = f"the better of {run.names[hard.base]} and {run.names[hard.s2]}"
    where = "where one half of the training images sees it ahead, the other half measures"
    if not hard.is_found:
        return (
            f"No images were found on which {larger} gains beyond chance over {others}: {where} "
            f"{gain} of probability of the right class."
        )
    return (
        f"There are images on which {larger} gains over {others}: {where} {gain} of probability of "
        "the right class."
    )


def turned_round(run: Run, hard: HardExamples) -> str:
    """The same search for several scales, by which the gain can be judged."""
    gain, s2 = hard.gain, hard.s2_gain
    found = PROBABILITY.finding(s2.value, s2.ci_low, s2.ci_high)
    if s2.ci_low > gain.ci_high:
        so = "So several scales win more on their best images than the larger model on its own."
    elif s2.ci_high < gain.ci_low:
        so = "So the larger model wins more on its best images than several scales on theirs."
    else:
        so = (
            "That is not clearly less or more: any two models have images on which one of them "
            "is ahead, and this gain may be no more than that."
        )
    return (
        f"Turned round, {run.names[hard.s2]} gains {found} over the better of the other two, on as "
        f"many images that are found in the same way. {so}"
    )


def kinds_text(hard: HardExamples) -> str:
    """How much of the gain lies on ambiguous labels, and on rare looks."""
    if hard.rare is None or hard.ambiguous is None:
        return ""
    ambiguous = _kind_text(hard.ambiguous)
    rare = _kind_text(hard.rare)
    return (
        f"Of the larger model’s gain, {ambiguous[0]} lies on ambiguous labels, {ambiguous[1]}; "
        f"{rare[0]} lies on images that look rare, {rare[1]}."
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
