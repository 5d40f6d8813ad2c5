"""What is it about S² that helps? Each part of it taken away, on the same images.

- untiled: the largest scale alone, as one large image.
- mean: scales averaged instead of concatenated.
- equal_width: S² projected onto as many principal axes as one scale has columns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from polyscale.errors import InputError, first_line
from polyscale.features import StoreError, weights_hash
from polyscale.operator.backbones import load
from polyscale.operator.cost import Cost
from polyscale.operator.multiscale import MultiScale
from polyscale.records import Control
from polyscale.studies.compare.costs import measure_in_turns
from polyscale.studies.compare.failures import Failures
from polyscale.studies.compare.features import Extractor, Features
from polyscale.tasks import Case, Evaluation, PooledTask, RunSettings, Task, pooled_rows
from polyscale.tasks.settings import Rows
from polyscale.types import Backbone, Candidate, TileFeatures

Kind = Literal["untiled", "mean", "equal_width"]


@dataclass(frozen=True)
class ControlRun:
    """A control before its costs are known.

    Attributes:
        candidate: what it is a control of.
        kind: what was taken away.
        evaluation: its head and scores; None where it could not run.
        module: what is to be timed; None where it costs what the candidate costs.
        reason: why it could not run, or None.
    """

    candidate: Candidate
    kind: Kind
    evaluation: Evaluation | None = None
    module: MultiScale | None = None
    reason: str | None = None


def run_controls(
    case: Case,
    features: Features,
    task: PooledTask,
    extract: Extractor,
    *,
    weights: str,
    is_live: bool = False,
) -> list[ControlRun]:
    """The controls of a candidate with several scales.

    Args:
        case: the candidate with its features.
        features: features of each scale of its backbone.
        task: trains and judges the heads.
        extract: extracts features of other operators.
        weights: hash of the weights of the backbone.
        is_live: whether no name can load the backbone again, for larger tiles.
    """
    candidate, settings = case.candidate, case.settings

    def rows(features: Features, scales: Sequence[float]) -> tuple[Rows, Rows]:
        train, test = (
            pooled_rows(split, case.module.backbone, scales, settings.feature)
            for split in (features.train, features.test)
        )
        return train, test

    def untiled() -> tuple[Rows, Rows, MultiScale]:
        module, own_weights = _untiled(case, weights, is_live=is_live)
        name = f"{module.backbone.name} untiled"
        large = extract(module, weights=own_weights, name=name, parallel=not is_live)
        return *rows(large, module.scales), module

    def mean() -> tuple[Rows, Rows, None]:
        train, test = zip(*(rows(features, [scale]) for scale in candidate.scales), strict=True)
        return np.mean(train, axis=0), np.mean(test, axis=0), None

    def equal_width() -> tuple[Rows, Rows, None]:
        width = rows(features, candidate.scales[:1])[0].shape[1]
        return *_project(case.train, case.test, width, settings.seed), None

    ways: dict[Kind, Callable[[], tuple[Rows, Rows, MultiScale | None]]] = {
        "untiled": untiled,
        "mean": mean,
        "equal_width": equal_width,
    }
    runs = []
    for kind in (kind for kind in ways if kind in task.controls):
        try:
            train, test, module = ways[kind]()
            evaluation = task.evaluate(replace(case, train=train, test=test))
            runs.append(ControlRun(candidate, kind, evaluation, module))
        except StoreError:
            raise
        except Exception as error:  # a model that takes its own size alone may say so in any way
            runs.append(ControlRun(candidate, kind, reason=first_line(error)))
    return runs


def finish_controls(
    runs: Sequence[ControlRun],
    evaluations: Mapping[Candidate, Evaluation],
    costs: Mapping[Candidate, Cost],
    task: Task,
    settings: RunSettings,
) -> tuple[Control, ...]:
    """Set controls beside their candidates, with what they cost, timed as the candidates are."""
    finished = []
    for run in runs:
        candidate, cost = run.candidate, costs[run.candidate]
        if run.module is not None and cost.turns is not None:
            failures = Failures()  # it may take more memory than the candidate
            measured = measure_in_turns(
                {candidate: (run.module, cost.turns.image_hw)},
                device=settings.device,
                failures=failures,
            )
            for failure in failures:
                run = ControlRun(candidate, run.kind, reason=failure.error)
            cost = measured.get(candidate, cost)
        finished.append(_beside(run, evaluations[candidate], cost, task, settings))
    return tuple(finished)


def _untiled(case: Case, weights: str, *, is_live: bool) -> tuple[MultiScale, str]:
    """The model on one tile of the whole largest scale, and the hash of its weights."""
    candidate, backbone, settings = case.candidate, case.module.backbone, case.settings
    scale = max(candidate.scales)
    if not backbone.fixed_tile:
        return settings.module(backbone, [scale], split=False), weights
    if is_live:
        raise InputError("a live model with tiles of one size cannot be built for larger ones")
    height, width = (round(scale * side) for side in backbone.tile_hw)
    large = load(candidate.backbone, tile_hw=(height, width))
    if isinstance(large, nn.Module):
        large.to(settings.device)
    resized = _Enlarged(backbone, large)
    return settings.module(resized, [scale], split=False), weights_hash(large)


class _Enlarged(nn.Module):
    """A model that was built for a larger tile, but is asked as the small one is.

    So that `source` means the same for the control: "base" shrinks to the small one's tile first.
    """

    def __init__(self, small: Backbone, large: Backbone) -> None:
        super().__init__()
        self.large = large
        self.name, self.dim, self.fixed_tile = small.name, small.dim, False
        self.tile_hw, self.grid_hw = small.tile_hw, small.grid_hw
        self.num_prefix, self.has_cls = small.num_prefix, small.has_cls
        self.in_channels, self.mean, self.std = small.in_channels, small.mean, small.std

    def forward(self, tiles: Float[Tensor, "tiles 3 tile_h tile_w"]) -> TileFeatures:
        return self.large(tiles)


def _project(train: Rows, test: Rows, width: int, seed: int) -> tuple[Rows, Rows]:
    """Both onto the principal axes of the training rows."""
    from sklearn.decomposition import PCA

    if len(train) <= width:
        raise InputError(
            f"equal width must have more training images than the {width} columns of one scale, "
            f"but has {len(train)}. Add images."
        )
    axes = PCA(width, svd_solver="auto", random_state=seed).fit(train)
    return axes.transform(train).astype(np.float32), axes.transform(test).astype(np.float32)


def _beside(
    run: ControlRun, evaluation: Evaluation, cost: Cost, task: Task, settings: RunSettings
) -> Control:
    name = str(run.candidate)
    if run.evaluation is None:
        return Control(candidate=name, control=run.kind, reason=run.reason)
    scores = {run.kind: run.evaluation.scores, name: evaluation.scores}
    (contrast,) = task.contrasts(scores, margin=settings.margin, seed=settings.seed)
    low, high = task.intervals(scores, seed=settings.seed)[run.kind]
    return Control(
        candidate=name,
        control=run.kind,
        value=run.evaluation.scores.value,
        ci_low=low,
        ci_high=high,
        difference=contrast.difference,
        diff_low=contrast.ci_low,
        diff_high=contrast.ci_high,
        p_value=contrast.p_value,
        macs=cost.macs,
        latency_ms=cost.latency_ms,
        feature_dim=run.evaluation.feature_dim,
    )
