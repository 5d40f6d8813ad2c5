"""What is it about S² that helps? Each part of it taken away, on the same images.

- untiled: the largest scale alone, as one large image.
- mean: scales averaged instead of concatenated.
- equal_width: S² projected onto as many principal axes as one scale has columns.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from polyscale.errors import InputError, first_line
from polyscale.features import StoreError, weights_hash
from polyscale.operator.backbones import load
from polyscale.operator.cost import Cost, measure
from polyscale.operator.multiscale import MultiScale
from polyscale.records import Control
from polyscale.studies.compare.features import Extractor, Features
from polyscale.tasks import Case, Evaluation, PooledTask, RunSettings, Task, pooled_rows
from polyscale.tasks.settings import Rows
from polyscale.types import HW, Backbone, Candidate, TileFeatures

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
        features: of each scale of its backbone.
        task: how heads are trained and judged.
        extract: extracts features of other operators.
        weights: hash of the weights of the backbone.
        is_live: whether no name can load the backbone again, for larger tiles.
    """
    candidate, feature = case.candidate, case.settings.feature

    def columns(split: Mapping[float, Rows], scales: Sequence[float]) -> Rows:
        return pooled_rows(split, case.module.backbone, scales, feature)

    def control(kind: Kind, rows: Iterable[Rows], module: MultiScale | None = None) -> ControlRun:
        train, test = rows
        evaluation = task.evaluate(replace(case, train=train, test=test))
        return ControlRun(candidate, kind, evaluation, module)

    def untiled() -> ControlRun:
        module, own_weights = _untiled(case, weights, is_live=is_live)
        large = extract(module, weights=own_weights, step=" untiled")
        rows = (columns(split, module.scales) for split in (large.train, large.test))
        return control("untiled", rows, module)

    def mean() -> ControlRun:
        rows = (
            np.stack([columns(split, [scale]) for scale in candidate.scales]).mean(axis=0)
            for split in (features.train, features.test)
        )
        return control("mean", rows)

    def equal_width() -> ControlRun:
        width = columns(features.train, candidate.scales[:1]).shape[1]
        rows = _project(case.train, case.test, width, case.settings.seed)
        return control("equal_width", rows)

    ways: dict[Kind, Callable[[], ControlRun]] = {
        "untiled": untiled,
        "mean": mean,
        "equal_width": equal_width,
    }
    return [_attempt(candidate, kind, way) for kind, way in ways.items()]


def finish_controls(
    runs: Sequence[ControlRun],
    evaluations: Mapping[Candidate, Evaluation],
    costs: Mapping[Candidate, Cost],
    task: Task,
    settings: RunSettings,
    *,
    image_hw: HW,
    batch: int,
) -> tuple[Control, ...]:
    """Set controls beside their candidates, with what they cost.

    Args:
        runs: the controls.
        evaluations: of the candidates.
        costs: of the candidates.
        task: how candidates are contrasted.
        settings: of the run.
        image_hw: size of the images that are timed, in pixels.
        batch: images at once for the throughput.
    """
    finished = []
    for run in runs:
        cost = costs[run.candidate]
        if run.module is not None:
            try:
                cost = _cost(run.module, settings.device, image_hw, batch)
            except Exception as error:  # it may take more memory than the candidate
                run = ControlRun(run.candidate, run.kind, reason=first_line(error))
        finished.append(_beside(run, evaluations[run.candidate], cost, task, settings))
    return tuple(finished)


def _attempt(candidate: Candidate, kind: Kind, way: Callable[[], ControlRun]) -> ControlRun:
    try:
        return way()
    except StoreError:
        raise
    except Exception as error:  # a model that takes its own size alone may say so in any way
        return ControlRun(candidate, kind, reason=first_line(error))


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


def _cost(module: MultiScale, device: str, image_hw: HW, batch: int) -> Cost:
    cost = measure(module.to(device), image_hw=image_hw, batch=batch)
    module.to("cpu")
    if torch.device(device).type == "cuda":
        torch.cuda.empty_cache()
    return cost


def _beside(
    run: ControlRun, own: Evaluation, cost: Cost, task: Task, settings: RunSettings
) -> Control:
    name = str(run.candidate)
    if run.evaluation is None:
        return Control(candidate=name, control=run.kind, reason=run.reason)
    scores = {run.kind: run.evaluation.scores, name: own.scores}
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
