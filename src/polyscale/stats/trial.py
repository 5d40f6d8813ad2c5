"""One comparison that a verdict may rest on: a contrast, or a mix of two at equal cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from scipy.stats import norm

from polyscale.records import Contrast, Outcome
from polyscale.stats.equivalence import ALPHA
from polyscale.stats.intervals import LEVEL
from polyscale.stats.power import MAX_IMAGES, POWER, images_to_differ, images_to_equate

WIDTH_IN_ERRORS = 2 * float(norm.isf((1 - LEVEL) / 2))


@dataclass(frozen=True, kw_only=True)
class Trial:
    """S² less the larger model, more is better, with p-values corrected or not yet.

    Attributes:
        contrasts: what it is made of, each with S² first.
        weight: share of the second contrast where there are two.
        difference: in the metric's unit.
        ci_low: lower end of the 95 % interval.
        ci_high: its upper end.
        ci90_low: lower end of the 90 % interval.
        ci90_high: its upper end.
        p_value: that they differ.
        p_equivalence: that they differ by less than the margin.
        margin: a smaller difference counts as none.
        num_test: test images.
    """

    contrasts: tuple[Contrast, ...]
    weight: float
    difference: float
    ci_low: float
    ci_high: float
    ci90_low: float
    ci90_high: float
    p_value: float
    p_equivalence: float
    margin: float
    num_test: int


def trial(contrast: Contrast) -> Trial:
    """A contrast as it is, turned so that more is better."""
    (low, high), (low90, high90) = _intervals(contrast)
    return Trial(
        contrasts=(contrast,),
        weight=0.0,
        difference=contrast.sign * contrast.difference,
        ci_low=low,
        ci_high=high,
        ci90_low=low90,
        ci90_high=high90,
        p_value=contrast.p_value,
        p_equivalence=contrast.p_equivalence,
        margin=contrast.margin,
        num_test=contrast.num_test,
    )


def mixed_trial(cheaper: Contrast, dearer: Contrast, weight: float) -> Trial:
    """The small model's curve between two candidates against a larger model.

    The two contrasts share the larger model and the images, so their errors go together. Adding
    up the ends of their intervals takes them to go together wholly, which is the widest that the
    interval of the mix can be where differences are near normal. P-values are normal theory's,
    with the standard error that this interval has.

    Args:
        cheaper: the candidate before the budget, less the larger model.
        dearer: the candidate beyond it, less the larger model.
        weight: share of the dearer, 0 to 1.
    """
    a, b = trial(cheaper), trial(dearer)

    def mix(first: float, second: float) -> float:
        return (1 - weight) * first + weight * second

    difference = mix(a.difference, b.difference)
    low, high = mix(a.ci_low, b.ci_low), mix(a.ci_high, b.ci_high)
    error = max((high - low) / WIDTH_IN_ERRORS, 1e-12)
    inside = max(
        norm.sf((difference + a.margin) / error), norm.cdf((difference - a.margin) / error)
    )
    return Trial(
        contrasts=(cheaper, dearer),
        weight=weight,
        difference=difference,
        ci_low=low,
        ci_high=high,
        ci90_low=mix(a.ci90_low, b.ci90_low),
        ci90_high=mix(a.ci90_high, b.ci90_high),
        p_value=float(2 * norm.sf(abs(difference) / error)),
        # no surer than the surer of the two: their tests know how few images are discordant
        p_equivalence=float(max(inside, min(a.p_equivalence, b.p_equivalence))),
        margin=a.margin,
        num_test=a.num_test,
    )


def decide(found: Trial, p_holm: float, p_equivalence_holm: float) -> Outcome:
    """An outcome, where test and interval agree on it.

    Equivalence comes first: the margin says which differences matter, and one that is certain but
    smaller than that does not.

    Args:
        found: the comparison.
        p_holm: that the two differ, corrected.
        p_equivalence_holm: that they differ by less than the margin, corrected.
    """
    inside = -found.margin < found.ci90_low and found.ci90_high < found.margin
    if p_equivalence_holm < ALPHA and inside:
        return "equivalent"
    if p_holm < ALPHA and found.ci_low > 0:
        return "s2"
    if p_holm < ALPHA and found.ci_high < 0:
        return "larger"
    return "inconclusive"


def images_needed(found: Trial, *, num_trials: int) -> int | None:
    """Test images, in all, that would settle it either way: a projection.

    Args:
        found: the comparison, whose figures are taken for the true ones.
        num_trials: comparisons in the family. Each p-value must pass 5 % over that number, which
            is Holm's strictest step.
    """
    alpha = ALPHA / num_trials
    projected = (*_projected(found, alpha),)
    return min((n for n in projected if n is not None), default=None)


def _projected(found: Trial, alpha: float) -> Sequence[int | None]:
    contrast = found.contrasts[0]
    if len(found.contrasts) == 1 and contrast.only_first is not None:
        assert contrast.only_second is not None
        shares = (contrast.only_first / found.num_test, contrast.only_second / found.num_test)
        return (
            images_to_differ(*shares, alpha=alpha),
            images_to_equate(*shares, found.margin, alpha=alpha),
        )
    # normal theory: the error shrinks with the root of the number of images
    error = (found.ci_high - found.ci_low) / WIDTH_IN_ERRORS
    away, room = abs(found.difference), found.margin - abs(found.difference)
    tries = (
        (away, float(norm.isf(alpha / 2)) + float(norm.ppf(POWER))),
        (room, float(norm.isf(alpha)) + float(norm.ppf((1 + POWER) / 2))),
    )
    return [
        _at_most_max(found.num_test * (errors * error / gap) ** 2) if gap > 1e-12 else None
        for gap, errors in tries
    ]


def _at_most_max(num: float) -> int | None:
    return ceil(num) if num <= MAX_IMAGES else None


def _intervals(contrast: Contrast) -> tuple[tuple[float, float], tuple[float, float]]:
    ends = (contrast.ci_low, contrast.ci_high), (contrast.ci90_low, contrast.ci90_high)
    if contrast.higher_is_better:
        return ends
    return tuple((-high, -low) for low, high in ends)  # type: ignore[return-value]
