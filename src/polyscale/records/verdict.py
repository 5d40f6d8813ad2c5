"""Answers: is the larger model needed, whatever the cost and at each kind of cost?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from polyscale.records.codec import Positive, PositiveCount, Record, Share
from polyscale.records.result import Contrast, Result

Outcome = Literal["s2", "larger", "equivalent", "inconclusive"]
"""Several scales win, the larger model wins, they are equally good, or the images cannot tell."""

CostAxis = Literal["macs", "latency_ms", "peak_bytes", "params"]
COST_AXES: tuple[CostAxis, ...] = ("macs", "latency_ms", "peak_bytes", "params")
"""Fields of `Result` that are costs; there is a verdict for each that is known."""

Rule = Literal["within", "beyond", "interpolated"]


def known_axes(results: Sequence[Result]) -> tuple[CostAxis, ...]:
    """The kinds of cost that every row has, and on which a conclusion may rest.

    Time is one of them if all rows were measured in turns with each other on a quiet machine. Runs
    of earlier versions don't say how they were measured, and are trusted.
    """
    turns = [result.turns for result in results]
    unfit = len({t and t.session for t in turns}) > 1 or any(t and t.is_disturbed for t in turns)
    return tuple(
        axis
        for axis in COST_AXES
        if all(getattr(result, axis) for result in results) and not (unfit and axis == "latency_ms")
    )


@dataclass(frozen=True, kw_only=True)
class CostVerdict(Record):
    """A larger model against the small one at several scales, at the larger one's cost.

    Attributes:
        axis: the kind of cost.
        larger: the larger candidate, at one scale; its cost is the budget.
        outcome: which is better within the budget.
        rule: what was compared with it: a candidate `within` the budget, one `beyond` it if none
            is within, or the curve of the small model, `interpolated` in log cost.
        s2: that candidate, or the two on either side of the budget.
        weight: share of the second of the two, 0 to 1; 0 for one candidate.
        cost_ratio: cost of what was compared over the budget; 1 if interpolated. A measured time
            has `cost_ratio_low` and `cost_ratio_high`, the ends of its 95 % interval over turns.
        difference: metric of what was compared less the larger's, turned so that more is better;
            `ci_low` and `ci_high` are the ends of its 95 % interval.
        p_holm: corrected p-value of a difference; `p_equivalence_holm` is that of equivalence.
        contrasts: what the verdict rests on, each with the several scales first.
        num_test_needed: projected number of test images, in all, that would settle the verdict
            with a power of 80 % if the observed figures were the true ones; None if it is settled,
            or if more are needed than any test set holds.
    """

    axis: CostAxis
    larger: str
    outcome: Outcome
    rule: Rule
    s2: tuple[str, ...]
    weight: Share
    cost_ratio: Positive
    cost_ratio_low: Positive | None = None
    cost_ratio_high: Positive | None = None
    difference: float
    ci_low: float
    ci_high: float
    p_holm: Share
    p_equivalence_holm: Share
    contrasts: tuple[Contrast, ...]
    num_test_needed: PositiveCount | None

    def __post_init__(self) -> None:
        if not self.contrasts or len(self.s2) != (2 if self.rule == "interpolated" else 1):
            raise ValueError("must hold contrasts and one candidate in s2, or two of a curve")


@dataclass(frozen=True, kw_only=True)
class Verdict(Record):
    """Whether a family's larger model is needed.

    Attributes:
        outcome: which is better whatever the cost.
        s2: the smaller backbone at several scales.
        larger: the larger backbone at one scale.
        contrast: the two on the test images, `s2` first.
        macs_ratio: multiply-adds of `s2` over those of `larger`; the other ratios likewise, and
            None if that cost is not known. `latency_ratio_low` and `latency_ratio_high` are the
            ends of the 95 % interval over turns: of another measurement on the same machine.
        num_test_needed: as in `CostVerdict`.
        costs: the verdict for every larger model of the family at every kind of cost.
    """

    family: str
    outcome: Outcome
    s2: Result
    larger: Result
    contrast: Contrast
    macs_ratio: Positive
    latency_ratio: Positive | None = None
    latency_ratio_low: Positive | None = None
    latency_ratio_high: Positive | None = None
    memory_ratio: Positive | None = None
    params_ratio: Positive
    num_test_needed: PositiveCount | None
    costs: tuple[CostVerdict, ...]
