"""Do I need a larger vision model? Candidates on the same images, at their cost (Figure 2)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from polyscale.backbones import family_of, load
from polyscale.cost import Cost, measure
from polyscale.data import ClassificationData, load_classification
from polyscale.errors import InputError, first_line, require
from polyscale.heads import ProbeResult, fit_logistic_probe
from polyscale.multiscale import MultiScale, Precision, check_precision, fastest_precision
from polyscale.stats import accuracy_intervals, corrected_contrasts, paired_contrasts
from polyscale.store import FeatureStore
from polyscale.studies.comparison import Comparison
from polyscale.studies.environment import versions
from polyscale.studies.extract import extract_pooled, weights_hash
from polyscale.studies.progress import Progress, silent
from polyscale.types import HW, SOURCES, Backbone, Candidate, Result, Source

Features = dict[float, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class CompareSettings:
    """What a comparison depends on besides the data and the candidates.

    Attributes:
        source: what larger scales are resized from: the image at the model's own size ("base") or
            the original picture ("native").
        task: "classification".
        dtype: what backbones compute in; "auto" is bf16 where the machine multiplies it natively.
        tile_batch: tiles that go through a backbone at once.
        seed: of splits, folds and resampling.
        device: where backbones run, for example "cuda".
    """

    source: Source = "native"
    task: str = "classification"
    dtype: Precision | Literal["auto"] = "auto"
    tile_batch: int = 16
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise InputError(f"source must be 'base' or 'native', but got {self.source!r}.")
        if self.task != "classification":
            raise InputError(f"task must be 'classification', but got {self.task!r}.")
        if self.tile_batch < 1:
            raise InputError(f"tile_batch must be at least 1, but got {self.tile_batch}.")
        if self.dtype != "auto":
            check_precision(self.dtype)
        if not 0 <= self.seed < 2**32:
            raise InputError(f"seed must be between 0 and 2³² - 1, but got {self.seed}.")
        _check_device(self.device)

    @property
    def precision(self) -> Precision:
        """`dtype`, with "auto" decided on this machine."""
        return fastest_precision(torch.device(self.device)) if self.dtype == "auto" else self.dtype

    def module(self, backbone: Backbone, scales: Sequence[float]) -> MultiScale:
        """The operator with these settings."""
        return MultiScale(
            backbone,
            scales,
            source=self.source,
            tile_batch=self.tile_batch,
            dtype=self.precision,
        )


def _check_device(device: str) -> None:
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(
            f"device must be one that torch can use here, but got {device!r} "
            f"({first_line(error)}). Try cpu."
        ) from error


@dataclass(frozen=True)
class ComparePlan:
    """A comparison that is checked and ready to run.

    Attributes:
        data: the images.
        candidates: what is compared.
        settings: everything else.
        backbones: the models, loaded.
        facts: what the run is asked to do, as each row of its results keeps it.
    """

    data: ClassificationData
    candidates: tuple[Candidate, ...]
    settings: CompareSettings
    backbones: dict[str, Backbone]
    facts: dict[str, object]


def compare(
    data: str | ClassificationData,
    candidates: str | Sequence[str | Candidate],
    *,
    settings: CompareSettings | None = None,
    cache: Path | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Compare candidates on labelled images.

    Each scale's features are extracted once per backbone. A multinomial logistic regression is
    trained on the pooled features of each candidate's scales, and judged on the test images.

    Args:
        data: what `load_classification` takes, or data that is already loaded.
        candidates: `SOURCE@SCALES`, for example `pip:efficientnet_lite0@1,2`.
        settings: everything else that the numbers depend on.
        cache: folder where features are kept between runs; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if an argument breaks its rule; no model has run then.
        MissingExtraError: if a package is not installed.
    """
    return run_compare(plan_compare(data, candidates, settings), cache=cache, progress=progress)


def plan_compare(
    data: str | ClassificationData,
    candidates: str | Sequence[str | Candidate],
    settings: CompareSettings | None = None,
    *,
    image_cache: Path | None = None,
    progress: Progress = silent,
) -> ComparePlan:
    """The first half of `compare`: everything is read and checked, no model runs.

    Args:
        data: as `compare`.
        candidates: as `compare`.
        settings: as `compare`.
        image_cache: folder for what is found in images between runs; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: as `compare`.
        MissingExtraError: as `compare`.
    """
    settings = settings or CompareSettings()
    chosen = check_candidates(candidates)
    if isinstance(data, str):
        data = load_classification(data, seed=settings.seed, cache=image_cache, progress=progress)
    backbones = {c.backbone: load(c.backbone) for c in chosen}
    for candidate in chosen:
        settings.module(backbones[candidate.backbone], candidate.scales)
    facts = {
        "candidates": [str(c) for c in chosen],
        "data": data.name,
        "split": data.about,
        "train_fingerprint": data.train.fingerprint,
        "test_fingerprint": data.test.fingerprint,
        "weights": {name: weights_hash(backbone) for name, backbone in backbones.items()},
        **asdict(replace(settings, dtype=settings.precision)),
        "features": "per scale: the class token where there is one, then the mean of the map",
        "resampling": "bicubic, antialiased where it shrinks, squashed to the tile's aspect",
        "intervals": "95 %: Wilson's for accuracies; of differences, percentiles of a paired "
        "bootstrap over test images, 10 000 resamples",
    }
    return ComparePlan(data, tuple(chosen), settings, backbones, facts)


def run_compare(
    plan: ComparePlan, *, cache: Path | None = None, progress: Progress = silent
) -> Comparison:
    """The second half of `compare`: features, probes, costs, statistics."""
    data, settings = plan.data, plan.settings
    image_hw = data.test.read(0).size[::-1]
    outcomes: dict[Candidate, _Outcome] = {}
    with TemporaryDirectory() as nowhere:
        store = FeatureStore(cache or Path(nowhere))
        for name, backbone in plan.backbones.items():
            if isinstance(backbone, nn.Module):
                backbone.to(settings.device)
            members = [c for c in plan.candidates if c.backbone == name]
            train, test = _extract(backbone, members, plan, store, progress)
            for done, c in enumerate(members):
                progress(f"{name}: cost and probe", done, len(members), "candidates")
                module = settings.module(backbone, c.scales)
                fitted_on, judged_on = _columns(train, c), _columns(test, c)
                outcomes[c] = _Outcome(
                    probe=fit_logistic_probe(
                        fitted_on, data.train.labels, judged_on, seed=settings.seed
                    ),
                    cost=measure(module, image_hw=image_hw),
                    num_tiles=module.plan.num_tiles,
                    tile_hw=backbone.tile_hw,
                    feature_dim=judged_on.shape[1],
                )
            progress(f"{name}: cost and probe", len(members), len(members), "candidates")
            if isinstance(backbone, nn.Module):
                backbone.to("cpu")
    return _assemble(plan, {c: outcomes[c] for c in plan.candidates}, image_hw)


def check_candidates(candidates: str | Sequence[str | Candidate]) -> list[Candidate]:
    """Candidates as the user wrote them → candidates, each different.

    Raises:
        InputError: if there is none, or one is given twice or can't be read.
        MissingExtraError: if what `compare` needs is not installed.
    """
    for package in ("sklearn", "scipy", "statsmodels", "pyarrow"):
        require(package, extra="compare", feature="compare")
    if isinstance(candidates, str):
        candidates = [candidates]
    parsed = [Candidate.parse(c) if isinstance(c, str) else c for c in candidates]
    if not parsed:
        raise InputError(
            "candidates must hold at least one, but is empty. "
            "Example: pip:efficientnet_lite0@1 pip:efficientnet_lite0@1,2"
        )
    names = [str(candidate) for candidate in parsed]
    for candidate in names:
        if names.count(candidate) > 1:
            raise InputError(f"candidates must differ, but {candidate} is given twice.")
    return parsed


@dataclass(frozen=True)
class _Outcome:
    probe: ProbeResult
    cost: Cost
    num_tiles: int
    tile_hw: HW
    feature_dim: int


def _extract(
    backbone: Backbone,
    members: Sequence[Candidate],
    plan: ComparePlan,
    store: FeatureStore,
    progress: Progress,
) -> tuple[Features, Features]:
    """Features of every scale that any of the candidates needs, for both splits."""
    scales = sorted({scale for candidate in members for scale in candidate.scales})
    weights = plan.facts["weights"]
    assert isinstance(weights, dict)
    train, test = (
        extract_pooled(
            plan.settings.module(backbone, scales),
            images,
            store=store,
            weights=weights[backbone.name],
            step=f"{backbone.name}: {split} images",
            progress=progress,
        )
        for split, images in (("train", plan.data.train), ("test", plan.data.test))
    )
    return train, test


def _columns(features: Features, candidate: Candidate) -> NDArray[np.float32]:
    return np.concatenate([features[scale] for scale in candidate.scales], axis=1)


def _assemble(plan: ComparePlan, outcomes: dict[Candidate, _Outcome], image_hw: HW) -> Comparison:
    data, settings, labels = plan.data, plan.settings, plan.data.test.labels
    answers = {str(c): o.probe.probabilities.argmax(axis=1) for c, o in outcomes.items()}
    correct = {name: answer == labels for name, answer in answers.items()}
    intervals = accuracy_intervals(correct)
    facts = plan.facts | {
        "latency_image_hw": list(image_hw),
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
    }
    made_with = versions()
    rows = [
        Result(
            candidate=str(c),
            backbone=c.backbone,
            family=family_of(c.backbone),
            scales=c.scales,
            tile_hw=o.tile_hw,
            source=settings.source,
            task=settings.task,
            data=data.name,
            metric="accuracy",
            value=float(correct[str(c)].mean()),
            ci_low=intervals[str(c)][0],
            ci_high=intervals[str(c)][1],
            selection_value=o.probe.cv_accuracy,
            num_train=len(data.train),
            num_test=len(data.test),
            num_tiles=o.num_tiles,
            feature_dim=o.feature_dim,
            params=o.cost.params,
            macs=o.cost.macs,
            flops=o.cost.flops,
            latency_ms=o.cost.latency.median_ms,
            latency_low_ms=o.cost.latency.low_ms,
            latency_high_ms=o.cost.latency.high_ms,
            peak_bytes=o.cost.peak_bytes,
            probe=o.probe.summary(),
            settings=facts,
            versions=made_with,
        )
        for c, o in outcomes.items()
    ]
    return Comparison(
        rows=tuple(rows),
        contrasts=tuple(corrected_contrasts(rows, paired_contrasts(correct, seed=settings.seed))),
        predictions=answers,
        probabilities={
            str(c): o.probe.probabilities[np.arange(len(labels)), labels]
            for c, o in outcomes.items()
        },
        data=data,
    )
