"""The grid of the map that a head gets, chosen by linear heads on held-out training images.

Cells of the paper's grid hold the mean over several cells of each larger scale. A head of single
cells can't tell these apart any more, so a finer grid may show it what the scales found.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from polyscale.learning.heads.dense import Targets
from polyscale.learning.heads.dense.fits import Fitted
from polyscale.operator.multiscale import MultiScale
from polyscale.tasks.evaluation import Case, Scores
from polyscale.tasks.maps.fit import fit_head
from polyscale.tasks.maps.predictor import count_scores
from polyscale.tasks.maps.settings import MapSettings
from polyscale.types import HW

PROBE = "linear"
"""The kind of head by which grids are compared."""

KEPT = ("train_s", "converged", "gradient_ratio", "all_cells", "pixels", "steps", "losses")
"""What is kept of how these heads were made."""


@dataclass(frozen=True, eq=False)
class GridTrial:
    """A candidate on one grid.

    Attributes:
        case: the candidate, with its maps on the grid.
        fitted: a linear head.
        value: the metric of this head on held-out training images.
    """

    case: Case
    fitted: Fitted
    value: float

    def facts(self) -> dict[str, Any]:
        """For the row of results."""
        module, facts = self.case.module, self.fitted.facts
        cost = count_scores(
            self.fitted.head, module.out_channels, module.plan.grid_hw, module.backbone.tile_hw
        )
        return {
            "grid_hw": list(module.plan.grid_hw),
            "value": self.value,
            "macs": cost.macs,
            **{name: facts[name] for name in KEPT if name in facts},
        }


def try_grids(
    case: Case,
    targets: Targets,
    arguments: Mapping[str, Any],
    judge: Callable[[Case, nn.Module], Scores],
) -> list[GridTrial]:
    """A linear head on each grid that a candidate's scales have, from coarse to fine.

    Args:
        case: the candidate.
        targets: of the training samples, on a raster.
        arguments: what a head must know of the data.
        judge: a case and a head → its scores on held-out training images.
    """
    assert case.variant is not None
    trials = []
    for grid_hw in own_grids(case.module):
        own = case.variant(output_grid=grid_hw)
        own = replace(own, settings=_probe_settings(case.settings))
        step = f"{case.candidate}: {PROBE} head on {grid_hw[0]}×{grid_hw[1]} cells"
        fitted = fit_head(own, targets, arguments, seed=case.settings.seed, step=step)
        trials.append(GridTrial(own, fitted, judge(own, fitted.head).value))
    return trials


def own_grids(module: MultiScale) -> list[HW]:
    """The grid of one tile, and those of the larger scales, from coarse to fine."""
    base = module.backbone.grid_hw
    own = {module.with_scales((scale,)).plan.grid_hw for scale in module.scales if scale > 1}
    return [base, *sorted(own - {base})]


def best_trial(trials: list[GridTrial], *, higher_is_better: bool) -> GridTrial:
    """The best on held-out training images; of equally good ones, the one with fewer cells."""
    return max(trials, key=lambda trial: trial.value if higher_is_better else -trial.value)


def _probe_settings(settings: MapSettings) -> MapSettings:
    """Those of the run where its head is a linear one, or else the defaults of one."""
    if settings.head == PROBE:
        return settings
    return replace(settings, head=PROBE, head_options={}, training=None)
