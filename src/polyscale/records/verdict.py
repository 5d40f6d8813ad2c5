"""Answers: is the larger model needed, on its own and for each kind of cost?"""

from dataclasses import dataclass
from typing import Literal

from polyscale.records.codec import Positive, PositiveCount, Record, Share
from polyscale.records.contrast import Contrast
from polyscale.records.result import Result

Outcome = Literal["s2", "larger", "equivalent", "inconclusive"]
"""Several scales win, the larger model wins, they do equally well, or the images can't tell."""

CostAxis = Literal["macs", "latency_ms", "peak_bytes", "params"]
COST_AXES: tuple[CostAxis, ...] = ("macs", "latency_ms", "peak_bytes", "params")
"""Fields of `Result` that a cost is read from; each has its own verdict."""

Rule = Literal["within", "beyond", "interpolated"]


@dataclass(frozen=True, kw_only=True)
class CostVerdict(Record):
    """A larger model against the small one at several scales, at the larger one's cost.

    Attributes:
        axis: the kind of cost.
        larger: the larger candidate, at one scale; its cost is the budget.
        outcome: who does better within the budget.
        rule: what was compared with it: a candidate `within` the budget, one `beyond` it where
            none is within, or the curve of the small model `interpolated` in log cost.
        s2: that candidate, or the two on either side of the budget.
        weight: share of the second of the two, 0 to 1; 0 where there is one.
        cost_ratio: cost of what was compared over that of the larger; 1 where interpolated.
        difference: metric of what was compared less the larger's, turned so that more is better.
        ci_low: lower end of its 95 % interval.
        ci_high: its upper end.
        p_holm: that they differ, corrected.
        p_equivalence_holm: that they differ by less than the margin, corrected.
        contrasts: what it rests on, each with the several scales first.
        num_test_needed: test images, in all, that would settle it with a power of 80 % were the
            observed figures the true ones: a projection; None where it is settled, or more than
            any test set holds.
    """

    axis: CostAxis
    larger: str
    outcome: Outcome
    rule: Rule
    s2: tuple[str, ...]
    weight: Share
    cost_ratio: Positive
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
        family: the family.
        outcome: which one is better whatever the cost, if either.
        s2: the smaller backbone at several scales.
        larger: the larger backbone at one scale.
        contrast: the two on the test images, `s2` first.
        macs_ratio: multiply-adds of `s2` over those of `larger`.
        latency_ratio: latency of `s2` over that of `larger`.
        memory_ratio: peak memory of `s2` over that of `larger`.
        params_ratio: parameters of `s2` over those of `larger`.
        num_test_needed: as in `CostVerdict`.
        costs: for every larger model of the family and every kind of cost, the verdict at equal
            cost.
    """

    family: str
    outcome: Outcome
    s2: Result
    larger: Result
    contrast: Contrast
    macs_ratio: Positive
    latency_ratio: Positive
    memory_ratio: Positive
    params_ratio: Positive
    num_test_needed: PositiveCount | None
    costs: tuple[CostVerdict, ...]
