"""From rows to an answer: is the larger model needed?"""

from collections.abc import Iterable, Sequence

from polyscale.stats.paired import LEVEL
from polyscale.types import Contrast, Outcome, Result, Verdict


def judge(results: Sequence[Result], contrasts: Sequence[Contrast]) -> list[Verdict]:
    """One verdict for each family that has a larger size to do without.

    In each family, the smallest backbone that was run at several scales stands against the larger
    ones at one scale. Which of its scale sets, and which larger model, is chosen by
    cross-validation on the training images, so that the test images only judge.
    """
    families = {result.family: None for result in results}
    verdicts = (
        _judge_family([r for r in results if r.family == family], contrasts) for family in families
    )
    return [verdict for verdict in verdicts if verdict is not None]


def _judge_family(family: Sequence[Result], contrasts: Iterable[Contrast]) -> Verdict | None:
    multi = [r for r in family if len(r.scales) > 1]
    if not multi:
        return None
    small_params = min(r.params for r in multi)
    larger = [r for r in family if r.scales == (1,) and r.params > small_params]
    if not larger:
        return None
    s2 = max((r for r in multi if r.params == small_params), key=lambda r: r.selection_value)
    best = max(larger, key=lambda r: r.selection_value)
    contrast = find_contrast(contrasts, s2.candidate, best.candidate)
    return Verdict(
        family=s2.family,
        outcome=_outcome(contrast),
        s2=s2,
        larger=best,
        contrast=contrast,
        macs_ratio=s2.macs / best.macs,
        latency_ratio=s2.latency_ms / best.latency_ms,
        params_ratio=s2.params / best.params,
    )


def _outcome(contrast: Contrast) -> Outcome:
    """Decided only where the interval leaves out zero and the exact test agrees.

    With a handful of discordant images the bootstrap alone is too sure of itself.
    """
    if contrast.p_value < 1 - LEVEL and contrast.ci_low > 0:
        return "s2"
    if contrast.p_value < 1 - LEVEL and contrast.ci_high < 0:
        return "larger"
    return "inconclusive"


def find_contrast(contrasts: Iterable[Contrast], first: str, second: str) -> Contrast:
    """The contrast of two candidates, turned round where it was written the other way.

    Raises:
        LookupError: if there is none.
    """
    for contrast in contrasts:
        if (contrast.first, contrast.second) == (first, second):
            return contrast
        if (contrast.first, contrast.second) == (second, first):
            return contrast.turned()
    raise LookupError(f"no contrast of {first} and {second}")
