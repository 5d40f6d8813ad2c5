"""What was measured → rows of results."""

from collections.abc import Mapping
from dataclasses import dataclass

from polyscale.cost import Cost
from polyscale.multiscale import MultiScale
from polyscale.records import Result
from polyscale.stats import accuracy_intervals
from polyscale.studies.compare.judged import Judged
from polyscale.studies.compare.plan import ComparePlan
from polyscale.studies.environment import versions
from polyscale.studies.family import family_of
from polyscale.types import Candidate


@dataclass(frozen=True)
class Measured:
    """A candidate that got through.

    Attributes:
        module: the candidate itself.
        judged: its probe.
        cost: what it takes.
    """

    module: MultiScale
    judged: Judged
    cost: Cost


def make_rows(
    plan: ComparePlan, measured: Mapping[Candidate, Measured], facts: Mapping[str, object]
) -> tuple[Result, ...]:
    """One row a candidate.

    Args:
        plan: what was asked.
        measured: what was found.
        facts: of the run, as each row keeps them.
    """
    intervals = accuracy_intervals({str(c): m.judged.correct for c, m in measured.items()})
    made_with = versions()
    return tuple(
        _row(plan, candidate, found, intervals[str(candidate)], facts, made_with)
        for candidate, found in measured.items()
    )


def _row(
    plan: ComparePlan,
    candidate: Candidate,
    found: Measured,
    interval: tuple[float, float],
    facts: Mapping[str, object],
    made_with: Mapping[str, str],
) -> Result:
    data, settings = plan.data, plan.settings
    return Result(
        candidate=str(candidate),
        backbone=candidate.backbone,
        family=family_of(candidate.backbone),
        scales=candidate.scales,
        tile_hw=found.module.backbone.tile_hw,
        source=settings.source,
        task=settings.task,
        data=data.name,
        metric="accuracy",
        value=float(found.judged.correct.mean()),
        ci_low=interval[0],
        ci_high=interval[1],
        selection_value=found.judged.probe.cv_accuracy,
        num_train=len(data.train),
        num_test=len(data.test),
        num_tiles=found.module.plan.num_tiles,
        feature_dim=found.judged.feature_dim,
        **found.cost.facts(),
        probe=found.judged.probe.summary(),
        settings=facts,
        versions=made_with,
    )
