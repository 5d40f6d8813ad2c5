"""What was measured → rows of results."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import stdev

from polyscale.cost import Cost
from polyscale.records import METRICS, Result
from polyscale.studies.dense.fit import Fitted
from polyscale.studies.dense.lesson import Lesson
from polyscale.studies.dense.plan import DensePlan
from polyscale.studies.dense.predictor import DensePredictor, count_head
from polyscale.studies.dense.task import Judged
from polyscale.studies.environment import versions
from polyscale.studies.family import family_of
from polyscale.types import Candidate


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A candidate that got through.

    Attributes:
        predictor: the candidate itself.
        fitted: its head.
        judged: how it did.
        by_seed: the metric with the heads of all seeds, that of the first one first.
        selection_value: the metric on held-out training images.
        cost: what it takes, with head and views.
    """

    predictor: DensePredictor
    fitted: Fitted
    judged: Judged
    by_seed: tuple[float, ...]
    selection_value: float
    cost: Cost


def make_rows(
    plan: DensePlan,
    lesson: Lesson,
    measured: Mapping[Candidate, Measured],
    intervals: Mapping[str, tuple[float, float]],
    facts: Mapping[str, object],
) -> tuple[Result, ...]:
    """One row a candidate.

    Args:
        plan: what was asked.
        lesson: what heads learned from.
        measured: what was found.
        intervals: of the metric, by candidate.
        facts: of the run, as each row keeps them.
    """
    made_with = versions()
    data, settings = plan.data, plan.settings
    rows = []
    for number, (candidate, found) in enumerate(measured.items()):
        module, head = found.predictor.module, found.fitted.head
        image_hw = data.test.sizes_hw[0]
        views = len(found.predictor.views_of(image_hw))
        cost = count_head(head, module, image_hw)
        rows.append(
            Result(
                candidate=str(candidate),
                backbone=candidate.backbone,
                family=family_of(candidate.backbone),
                scales=candidate.scales,
                tile_hw=module.backbone.tile_hw,
                source=settings.source,
                task=settings.task,
                data=data.name,
                metric=settings.metric,
                higher_is_better=METRICS[settings.metric].higher_is_better,
                value=found.judged.value,
                ci_low=intervals[str(candidate)][0],
                ci_high=intervals[str(candidate)][1],
                selection_value=found.selection_value,
                num_train=len(lesson.images),
                num_test=len(found.judged.statistics),
                num_tiles=module.plan.num_tiles * views,
                feature_dim=module.out_channels,
                **found.cost.facts(),
                probe={
                    "file": head_file(number),
                    **found.fitted.facts,
                    "params": cost.params,
                    "macs": cost.macs,
                    "views": views,
                    **_seeds(found.by_seed),
                    "grid_hw": list(module.plan.grid_hw),
                    "chosen_by": f"{settings.metric} on {settings.held_out:.3g} of the training "
                    "images, from which heads don't learn",
                },
                scores=found.judged.scores,
                settings=facts,
                versions=made_with,
            )
        )
    return tuple(rows)


def _seeds(values: tuple[float, ...]) -> dict[str, object]:
    """What other seeds say; the draw of test images is no part of their spread."""
    if len(values) < 2:
        return {}
    return {"seed_values": list(values), "seed_std": stdev(values)}


def head_file(number: int) -> str:
    """Of a candidate, in the folder of the run."""
    return f"heads/{number}.safetensors"
