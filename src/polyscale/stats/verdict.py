"""From rows to an answer: is the larger model needed, and at which cost?

Everything that is compared is chosen first, from costs and cross-validation on the training
images (`matched`). P-values are corrected over all these comparisons. Then each is decided
(`trial`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from polyscale.records import Contrast, CostVerdict, DrawnContrast, Outcome, Result, Rule, Verdict
from polyscale.stats.matched import Match, Pairing, Sides, sides_by_family
from polyscale.stats.times import Ratio, cost_ratio
from polyscale.stats.trial import (
    Answer,
    decide,
    holm,
    images_needed,
    mixed_contrast,
    more_is_better,
    with_corrected,
)

_OUTCOMES: dict[Answer, Outcome] = {
    "first": "s2",
    "second": "larger",
    "equivalent": "equivalent",
    "inconclusive": "inconclusive",
}
"""In each comparison, several scales are the first."""


@dataclass(frozen=True)
class _Trial:
    """A comparison with corrected p-values.

    Attributes:
        contrasts: the one or two contrasts behind it, each with S² first.
        total: the comparison as one contrast; more is better.
        p_holm: corrected p-value of a difference.
        p_equivalence_holm: corrected p-value of equivalence.
        num_trials: comparisons over which they are corrected.
    """

    contrasts: tuple[Contrast, ...]
    total: Contrast
    p_holm: float
    p_equivalence_holm: float
    num_trials: int

    @property
    def outcome(self) -> Outcome:
        return _OUTCOMES[decide(self.total, self.p_holm, self.p_equivalence_holm)]

    @property
    def num_test_needed(self) -> int | None:
        if self.outcome != "inconclusive":
            return None
        return images_needed(self.total, num_trials=self.num_trials)

    @property
    def corrected(self) -> tuple[Contrast, ...]:
        """The contrasts, with the corrected p-values if there is only one."""
        if len(self.contrasts) > 1:
            return self.contrasts
        return (with_corrected(self.contrasts[0], self.p_holm, self.p_equivalence_holm),)


def judge(results: Sequence[Result], contrasts: Sequence[Contrast]) -> list[Verdict]:
    """One verdict for each family that has a larger model.

    In each family, the smallest backbone that was run at several scales is compared with the
    larger ones at one scale. Which of its scale sets, and which larger model, is chosen by
    cross-validation on the training images, so that the test images only judge. P-values are
    corrected by Holm over all comparisons from which any verdict of the run is drawn. Without
    training images there is nothing to choose by, and no verdict.

    Args:
        results: one row for each candidate, of one task and data set.
        contrasts: one for each pair of them.

    Raises:
        LookupError: if a contrast is missing.
    """
    sides = sides_by_family(results)
    trials = _run_trials(sides.values(), contrasts)
    return [_verdict(family, both, trials) for family, both in sides.items()]


def corrected_contrasts(results: Sequence[Result], contrasts: Sequence[Contrast]) -> list[Contrast]:
    """The contrasts, with corrected p-values where a verdict is drawn from them; see `judge`."""
    p_values = {
        frozenset((*pairing.s2, pairing.larger)): (trial.p_holm, trial.p_equivalence_holm)
        for pairing, trial in _run_trials(sides_by_family(results).values(), contrasts).items()
        if len(pairing.s2) == 1
    }
    return [
        with_corrected(
            contrast, *p_values.get(frozenset((contrast.first, contrast.second)), (None, None))
        )
        for contrast in contrasts
    ]


AnyContrast = TypeVar("AnyContrast", Contrast, DrawnContrast)


def find_contrast(contrasts: Iterable[AnyContrast], first: str, second: str) -> AnyContrast:
    """The contrast of two candidates, turned round if it was written the other way.

    Raises:
        LookupError: if there is none.
    """
    for contrast in contrasts:
        if (contrast.first, contrast.second) == (first, second):
            return contrast
        if (contrast.first, contrast.second) == (second, first):
            return contrast.turned()
    raise LookupError(f"no contrast of {first} and {second}")


def _run_trials(sides: Iterable[Sides], contrasts: Sequence[Contrast]) -> dict[Pairing, _Trial]:
    """Every comparison from which a verdict may be drawn, corrected together."""
    pairings: dict[Pairing, None] = {}
    for both in sides:
        pairings[_best_pairing(both)] = None
        for match in both.matches():
            pairings |= dict.fromkeys(match.pairings.values())
    parts = {
        pairing: tuple(find_contrast(contrasts, name, pairing.larger) for name in pairing.s2)
        for pairing in pairings
    }
    totals = {
        pairing: mixed_contrast(*pair, pairing.weight) if len(pair) == 2 else more_is_better(*pair)
        for pairing, pair in parts.items()
    }
    p_holm = holm([total.p_value for total in totals.values()])
    p_equivalence_holm = holm([total.p_equivalence for total in totals.values()])
    return {
        pairing: _Trial(parts[pairing], total, p, q, len(totals))
        for (pairing, total), p, q in zip(totals.items(), p_holm, p_equivalence_holm, strict=True)
    }


def _best_pairing(sides: Sides) -> Pairing:
    s2, larger = sides.best
    return Pairing((s2.candidate,), larger.candidate)


def _verdict(family: str, sides: Sides, trials: Mapping[Pairing, _Trial]) -> Verdict:
    s2, larger = sides.best
    trial = trials[_best_pairing(sides)]
    time = cost_ratio(s2, larger, "latency_ms")
    return Verdict(
        family=family,
        outcome=trial.outcome,
        s2=s2,
        larger=larger,
        contrast=trial.corrected[0],
        macs_ratio=s2.macs / larger.macs,
        latency_ratio=time.value,
        latency_ratio_low=time.low,
        latency_ratio_high=time.high,
        memory_ratio=cost_ratio(s2, larger, "peak_bytes").value,
        params_ratio=s2.params / larger.params,
        num_test_needed=trial.num_test_needed,
        costs=tuple(_cost_verdict(match, sides, trials) for match in sides.matches()),
    )


def _cost_verdict(match: Match, sides: Sides, trials: Mapping[Pairing, _Trial]) -> CostVerdict:
    outcomes = {rule: trials[pairing].outcome for rule, pairing in match.pairings.items()}
    rule, outcome = _ruling(outcomes)
    pairing = match.pairings[rule]
    trial = trials[pairing]
    (first, *second) = (r for r in sides.curve if r.candidate in pairing.s2)
    ratio = Ratio(1.0) if second else cost_ratio(first, match.larger, match.axis)
    return CostVerdict(
        axis=match.axis,
        larger=pairing.larger,
        outcome=outcome,
        rule=rule,
        s2=pairing.s2,
        weight=pairing.weight,
        cost_ratio=ratio.value or 1.0,
        cost_ratio_low=ratio.low,
        cost_ratio_high=ratio.high,
        difference=trial.total.difference,
        ci_low=trial.total.ci_low,
        ci_high=trial.total.ci_high,
        p_holm=trial.p_holm,
        p_equivalence_holm=trial.p_equivalence_holm,
        contrasts=trial.corrected,
        num_test_needed=None if _never_settled(rule, trial.total) else trial.num_test_needed,
    )


def _never_settled(rule: Rule, total: Contrast) -> bool:
    """Whether more images would not help: several scales are better, but none is in the budget."""
    return rule == "beyond" and (total.ci_low > 0 or total.difference >= total.margin)


def _ruling(outcomes: Mapping[Rule, Outcome]) -> tuple[Rule, Outcome]:
    """Dominance decides first, then the curve at equal cost."""
    within, beyond = outcomes.get("within"), outcomes.get("beyond")
    if within in ("s2", "equivalent"):
        return "within", within
    if beyond in ("larger", "equivalent"):
        return "beyond", "larger"  # it costs less and is no worse
    if "interpolated" in outcomes:
        return "interpolated", outcomes["interpolated"]
    if within:
        return "within", within
    return "beyond", "inconclusive"  # better but dearer, and no curve reaches the budget
