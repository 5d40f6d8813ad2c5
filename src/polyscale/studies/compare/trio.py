"""The three candidates of a family between which it is asked why the larger model wins."""

from collections.abc import Sequence
from dataclasses import dataclass

from polyscale.errors import InputError
from polyscale.operator.backbones import num_params
from polyscale.records import Result, Verdict
from polyscale.studies.compare.plan import ComparePlan
from polyscale.types import Candidate


@dataclass(frozen=True, kw_only=True)
class Trio:
    """A small model at one scale and at several, and a larger one of its family."""

    family: str
    base: Candidate
    s2: Candidate
    larger: Candidate

    @property
    def candidates(self) -> tuple[Candidate, Candidate, Candidate]:
        """All three."""
        return self.base, self.s2, self.larger


def make_trios(rows: Sequence[Result], verdicts: Sequence[Verdict]) -> list[Trio]:
    """The candidates of each verdict, which were chosen on the training images, and the base.

    A family whose small model did not run at scale 1, or failed there, is left out.
    """
    ran = {row.candidate: Candidate(row.backbone, row.scales) for row in rows}
    trios = []
    for verdict in verdicts:
        base = Candidate(verdict.s2.backbone, (1,))
        if str(base) in ran:
            s2, larger = ran[verdict.s2.candidate], ran[verdict.larger.candidate]
            trios.append(Trio(family=verdict.family, base=base, s2=s2, larger=larger))
    return trios


def check_trios(plan: ComparePlan, *, asked: str) -> None:
    """Refuse, before any model runs, candidates among which there is no trio.

    Args:
        plan: of the run.
        asked: the setting that needs a trio, as errors call it.

    Raises:
        InputError: saying which candidates are needed.
    """
    if not any(_has_trio(plan, family) for family in set(plan.families.values())):
        raise InputError(
            f"candidates must hold, for {asked}, three of one family: a small model at scale 1, "
            "the same model at several scales, and a larger model at scale 1; but they are "
            f"{', '.join(map(str, plan.candidates))}. Example: pip:efficientnet_lite0@1 "
            "pip:efficientnet_lite0@1,2 pip:efficientnet_lite2@1. Models whose names do not tell "
            "that they are of one family need --family (family= in Python)."
        )


def _has_trio(plan: ComparePlan, family: str) -> bool:
    scales: dict[str, set[tuple[float, ...]]] = {}
    for candidate in plan.candidates:
        if plan.families[candidate.backbone] == family:
            scales.setdefault(candidate.backbone, set()).add(candidate.scales)
    sizes = {name: num_params(plan.backbones[name]) for name in scales}
    several = [name for name, own in scales.items() if any(len(s) > 1 for s in own)]
    if not several:
        return False
    small = min(several, key=lambda name: sizes[name])
    larger = (name for name, own in scales.items() if (1,) in own and sizes[name] > sizes[small])
    return (1,) in scales[small] and any(larger)
