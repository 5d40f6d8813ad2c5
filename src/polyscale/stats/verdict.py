"""From rows to an answer: is the larger model needed, and at which cost?

Everything that is compared is chosen first, from costs and cross-validation on the training
images (`matched`). Those comparisons are the family over which p-values are corrected. Then each
is decided (`trial`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from polyscale.records import Contrast, CostVerdict, Outcome, Result, Rule, Verdict
from polyscale.stats.holm import holm
from polyscale.stats.matched import Match, Sides, best, matches, sides_of
from polyscale.stats.trial import Trial, decide, images_needed, mixed_trial, trial

Key = tuple[str, str, str, float]
"""Of a comparison: the candidate with several scales, the dearer one that its curve goes on to (or
""), the larger model, and the weight of the dearer."""


@dataclass(frozen=True)
class _Judged:
    """A comparison with its corrected p-values."""

    trial: Trial
    p_holm: float
    p_equivalence_holm: float

    @property
    def outcome(self) -> Outcome:
        return decide(self.trial, self.p_holm, self.p_equivalence_holm)


def judge(results: Sequence[Result], contrasts: Sequence[Contrast]) -> list[Verdict]:
    """One verdict for each family that has a larger size to do without.

    In each family, the smallest backbone that was run at several scales stands against the larger
    ones at one scale. Which of its scale sets, and which larger model, is chosen by
    cross-validation on the training images, so that the test images only judge.

    P-values are corrected by Holm over all comparisons that any verdict of the run is drawn from.

    Args:
        results: one row a candidate, of one task and data set.
        contrasts: every pair of them.
    """
    families = dict.fromkeys(result.family for result in results)
    found = {f: sides_of([r for r in results if r.family == f]) for f in families}
    sides = {family: found_sides for family, found_sides in found.items() if found_sides}
    judged = _judge_all(sides.values(), contrasts)
    return [_verdict(family, own, judged) for family, own in sides.items()]


def corrected_contrasts(results: Sequence[Result], contrasts: Sequence[Contrast]) -> list[Contrast]:
    """The contrasts with the corrected p-values of those that a verdict is drawn from.

    Args:
        results: as for `judge`.
        contrasts: as for `judge`.
    """
    found: dict[frozenset[str], _Judged] = {}
    families = dict.fromkeys(result.family for result in results)
    sides = [sides_of([r for r in results if r.family == family]) for family in families]
    for key, judged in _judge_all(filter(None, sides), contrasts).items():
        if not key[1]:
            found[frozenset((key[0], key[2]))] = judged
    return [
        replace(c, p_holm=own.p_holm, p_equivalence_holm=own.p_equivalence_holm)
        if (own := found.get(frozenset((c.first, c.second))))
        else replace(c, p_holm=None, p_equivalence_holm=None)
        for c in contrasts
    ]


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


def _judge_all(sides: Iterable[Sides], contrasts: Sequence[Contrast]) -> dict[Key, _Judged]:
    """Every comparison that a verdict may rest on, corrected together."""
    keys: dict[Key, None] = {}
    for own in sides:
        s2, larger = _headline(own)
        keys[_key(s2, larger)] = None
        for match in matches(own):
            for key in _keys(match).values():
                keys[key] = None
    trials = {key: _trial(key, contrasts) for key in keys}
    differ = holm([t.p_value for t in trials.values()])
    equal = holm([t.p_equivalence for t in trials.values()])
    return {
        key: _Judged(found, p, q)
        for (key, found), p, q in zip(trials.items(), differ, equal, strict=True)
    }


def _headline(sides: Sides) -> tuple[Result, Result]:
    s2, larger = best(sides.s2), best(sides.larger)
    assert s2 is not None
    assert larger is not None
    return s2, larger


def _key(s2: Result, larger: Result, dearer: Result | None = None, weight: float = 0) -> Key:
    return (s2.candidate, dearer.candidate if dearer else "", larger.candidate, weight)


def _keys(match: Match) -> dict[Rule, Key]:
    """What a verdict at this cost may rest on."""
    keys: dict[Rule, Key] = {}
    if match.within:
        keys["within"] = _key(match.within, match.larger)
    elif match.beyond:
        keys["beyond"] = _key(match.beyond, match.larger)
    if match.bracket:
        ends = match.bracket
        keys["interpolated"] = _key(ends.cheaper, match.larger, ends.dearer, ends.weight)
    return keys


def _trial(key: Key, contrasts: Sequence[Contrast]) -> Trial:
    s2, dearer, larger, weight = key
    contrast = find_contrast(contrasts, s2, larger)
    if not dearer:
        return trial(contrast)
    return mixed_trial(contrast, find_contrast(contrasts, dearer, larger), weight)


def _verdict(family: str, sides: Sides, judged: Mapping[Key, _Judged]) -> Verdict:
    s2, larger = _headline(sides)
    own = judged[_key(s2, larger)]
    return Verdict(
        family=family,
        outcome=own.outcome,
        s2=s2,
        larger=larger,
        contrast=_contrasts(own)[0],
        macs_ratio=s2.macs / larger.macs,
        latency_ratio=s2.latency_ms / larger.latency_ms,
        memory_ratio=s2.peak_bytes / larger.peak_bytes,
        params_ratio=s2.params / larger.params,
        num_test_needed=_needed(own, len(judged)),
        costs=tuple(_cost_verdict(match, judged) for match in matches(sides)),
    )


def _cost_verdict(match: Match, judged: Mapping[Key, _Judged]) -> CostVerdict:
    tried = {rule: judged[key] for rule, key in _keys(match).items()}
    rule, outcome = _ruling({rule: own.outcome for rule, own in tried.items()})
    own, (s2, dearer, _, weight) = tried[rule], _keys(match)[rule]
    stands = match.within if rule == "within" else match.beyond
    return CostVerdict(
        axis=match.axis,
        larger=match.larger.candidate,
        outcome=outcome,
        rule=rule,
        s2=(s2, dearer) if dearer else (s2,),
        weight=weight,
        cost_ratio=1.0
        if rule == "interpolated"
        else getattr(stands, match.axis) / getattr(match.larger, match.axis),
        difference=own.trial.difference,
        ci_low=own.trial.ci_low,
        ci_high=own.trial.ci_high,
        p_holm=own.p_holm,
        p_equivalence_holm=own.p_equivalence_holm,
        contrasts=_contrasts(own),
        num_test_needed=_needed(own, len(judged)),
    )


def _ruling(tried: Mapping[Rule, Outcome]) -> tuple[Rule, Outcome]:
    """Dominance first, then the curve at equal cost."""
    within, beyond = tried.get("within"), tried.get("beyond")
    if within in ("s2", "equivalent"):
        return "within", within
    if beyond in ("larger", "equivalent"):
        return "beyond", "larger"  # it costs less and does no worse
    if "interpolated" in tried:
        return "interpolated", tried["interpolated"]
    if within:
        return "within", within
    return "beyond", "inconclusive"  # better, for more: nothing tells what the budget would buy


def _contrasts(judged: _Judged) -> tuple[Contrast, ...]:
    """The contrasts, with corrected p-values where one stands for the whole comparison."""
    found = judged.trial.contrasts
    if len(found) > 1:
        return found
    p, q = judged.p_holm, judged.p_equivalence_holm
    return (replace(found[0], p_holm=p, p_equivalence_holm=q),)


def _needed(judged: _Judged, num_trials: int) -> int | None:
    if judged.outcome != "inconclusive":
        return None
    return images_needed(judged.trial, num_trials=num_trials)
