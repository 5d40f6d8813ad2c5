"""What is it about S² that helps? Each part of it taken away, on the same images.

- untiled: the largest scale alone, as one large image.
- mean: scales averaged instead of concatenated.
- equal_width: S² projected onto as many principal axes as one scale has columns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from polyscale.backbones import load
from polyscale.cost import TURNS, Cost, Meter
from polyscale.errors import InputError, first_line
from polyscale.multiscale import MultiScale
from polyscale.records import Control
from polyscale.stats import accuracy_intervals, paired_contrasts
from polyscale.store import StoreError
from polyscale.studies.compare.features import Extractor, Features, Rows
from polyscale.studies.compare.judged import Judged, judge_features
from polyscale.studies.compare.plan import ComparePlan
from polyscale.studies.extract import weights_hash
from polyscale.types import HW, Backbone, Candidate, TileFeatures

Kind = Literal["untiled", "mean", "equal_width"]
KINDS: tuple[Kind, ...] = ("untiled", "mean", "equal_width")


@dataclass(frozen=True)
class ControlRun:
    """A control before its costs are known.

    Attributes:
        candidate: what it is a control of.
        kind: what was taken away.
        judged: its probe; None where it could not run.
        module: what is to be timed; None where it costs what the candidate costs.
        reason: why it could not run, or None.
    """

    candidate: Candidate
    kind: Kind
    judged: Judged | None = None
    module: MultiScale | None = None
    reason: str | None = None


def run_controls(
    candidate: Candidate, features: Features, plan: ComparePlan, extract: Extractor
) -> list[ControlRun]:
    """The controls of a candidate with several scales."""
    feature = plan.settings.feature

    def untiled() -> ControlRun:
        module, weights = _untiled(candidate, features.backbone, plan)
        large = extract(module, weights=weights, step=" untiled")
        judged = judge_features(*large.columns(module.scales, feature), plan)
        return ControlRun(candidate, "untiled", judged, module)

    def mean() -> ControlRun:
        each = [features.columns([scale], feature) for scale in candidate.scales]
        train, test = (np.stack(rows).mean(axis=0) for rows in zip(*each, strict=True))
        return ControlRun(candidate, "mean", judge_features(train, test, plan))

    def equal_width() -> ControlRun:
        width = features.columns(candidate.scales[:1], feature)[0].shape[1]
        rows = _project(*features.columns(candidate.scales, feature), width, plan.settings.seed)
        return ControlRun(candidate, "equal_width", judge_features(*rows, plan))

    ways: dict[Kind, Callable[[], ControlRun]] = {
        "untiled": untiled,
        "mean": mean,
        "equal_width": equal_width,
    }
    return [_attempt(candidate, kind, way) for kind, way in ways.items()]


def finish_controls(
    runs: Sequence[ControlRun],
    judged: Mapping[Candidate, Judged],
    costs: Mapping[Candidate, Cost],
    plan: ComparePlan,
    *,
    image_hw: HW,
    batch: int,
) -> tuple[Control, ...]:
    """Set controls beside their candidates, with what they cost.

    Args:
        runs: the controls.
        judged: the candidates' probes.
        costs: of the candidates.
        plan: of the run.
        image_hw: size of the images that are timed, in pixels.
        batch: images at once for the throughput.
    """
    finished = []
    for run in runs:
        cost = costs[run.candidate]
        if run.module is not None:
            try:
                cost = _cost(run.module, plan.settings.device, image_hw, batch)
            except Exception as error:  # it may take more memory than the candidate
                run = ControlRun(run.candidate, run.kind, reason=first_line(error))
        finished.append(_beside(run, judged[run.candidate], cost, plan))
    return tuple(finished)


def _attempt(candidate: Candidate, kind: Kind, way: Callable[[], ControlRun]) -> ControlRun:
    try:
        return way()
    except StoreError:
        raise
    except Exception as error:  # a model that takes its own size alone may say so in any way
        return ControlRun(candidate, kind, reason=first_line(error))


def _untiled(candidate: Candidate, backbone: Backbone, plan: ComparePlan) -> tuple[MultiScale, str]:
    """The model on one tile of the whole largest scale, and the hash of its weights."""
    scale = max(candidate.scales)
    if not backbone.fixed_tile:
        return plan.settings.module(backbone, [scale], split=False), plan.weights(backbone.name)
    height, width = (round(scale * side) for side in backbone.tile_hw)
    large = load(candidate.backbone, tile_hw=(height, width))
    if isinstance(large, nn.Module):
        large.to(plan.settings.device)
    resized = _Enlarged(backbone, large)
    return plan.settings.module(resized, [scale], split=False), weights_hash(large)


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
    module.to(device)
    meter = Meter(module, image_hw=image_hw, batch=batch)
    for number in range(TURNS):
        meter.turn(number)
    module.to("cpu")
    if torch.device(device).type == "cuda":
        torch.cuda.empty_cache()
    return meter.cost()


def _beside(run: ControlRun, own: Judged, cost: Cost, plan: ComparePlan) -> Control:
    name = str(run.candidate)
    if run.judged is None:
        return Control(candidate=name, control=run.kind, reason=run.reason)
    correct = {run.kind: run.judged.correct, name: own.correct}
    (contrast,) = paired_contrasts(correct, margin=plan.settings.margin, seed=plan.settings.seed)
    low, high = accuracy_intervals(correct)[run.kind]
    return Control(
        candidate=name,
        control=run.kind,
        value=float(run.judged.correct.mean()),
        ci_low=low,
        ci_high=high,
        difference=contrast.difference,
        diff_low=contrast.ci_low,
        diff_high=contrast.ci_high,
        p_value=contrast.p_value,
        macs=cost.macs,
        latency_ms=cost.latency.median_ms,
        feature_dim=run.judged.feature_dim,
    )
