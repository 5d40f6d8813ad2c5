"""Do I need a larger vision model? Candidates on the same images, at their cost (Figure 2)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from polyscale.backbones import family_of, load
from polyscale.cost import Cost, measure
from polyscale.data import ClassificationData, load_classification
from polyscale.errors import InputError, require
from polyscale.heads import ProbeResult, fit_logistic_probe
from polyscale.multiscale import MultiScale, Precision, check_precision, fastest_precision
from polyscale.stats import accuracy_intervals, paired_contrasts
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

    @property
    def precision(self) -> Precision:
        """`dtype`, with "auto" decided on this machine."""
        return fastest_precision() if self.dtype == "auto" else self.dtype

    def module(self, backbone: Backbone, scales: Sequence[float]) -> MultiScale:
        """The operator with these settings."""
        return MultiScale(
            backbone,
            scales,
            source=self.source,
            tile_batch=self.tile_batch,
            dtype=self.precision,
        )


def compare(
    data: str | ClassificationData,
    candidates: Sequence[str | Candidate],
    *,
    settings: CompareSettings | None = None,
    cache: Path | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Compare candidates on labelled images.

    Each scale's features are extracted once per backbone. A multinomial logistic regression is
    trained on the pooled features of each candidate's scales, and judged on the test images.

    Args:
        data: `rooms`, `folder:PATH`, or data that is already loaded.
        candidates: `SOURCE@SCALES`, for example `pip:efficientnet_lite0@1,2`.
        settings: everything else that the numbers depend on.
        cache: folder where features are kept between runs; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if an argument breaks its rule; no model has run then.
        MissingExtraError: if a package is not installed.
    """
    settings = settings or CompareSettings()
    chosen = check_candidates(candidates)
    if isinstance(data, str):
        data = load_classification(data, seed=settings.seed)
    backbones = {c.backbone: load(c.backbone) for c in chosen}
    for candidate in chosen:  # what is wrong with any scale is said before the first tile runs
        settings.module(backbones[candidate.backbone], candidate.scales)
    image_hw = data.test.read(0).size[::-1]
    outcomes: dict[Candidate, _Outcome] = {}
    with TemporaryDirectory() as nowhere:
        store = FeatureStore(cache or Path(nowhere))
        for name in list(backbones):
            backbone = backbones.pop(name)
            if isinstance(backbone, nn.Module):
                backbone.to(settings.device)
            members = [c for c in chosen if c.backbone == name]
            train, test = _extract(backbone, members, data, settings, store, progress)
            for done, c in enumerate(members):
                progress(f"{name}: cost and probe", done, len(members), "candidates")
                module = settings.module(backbone, c.scales)
                outcomes[c] = _Outcome(
                    probe=fit_logistic_probe(
                        _columns(train, c), data.train.labels, _columns(test, c), seed=settings.seed
                    ),
                    cost=measure(module, image_hw=image_hw),
                    num_tiles=module.plan.num_tiles,
                    tile_hw=backbone.tile_hw,
                    feature_dim=_columns(test, c).shape[1],
                )
            progress(f"{name}: cost and probe", len(members), len(members), "candidates")
    return _assemble(data, {c: outcomes[c] for c in chosen}, settings, image_hw)


def check_candidates(candidates: Sequence[str | Candidate]) -> list[Candidate]:
    """Candidates as the user wrote them → candidates, each different.

    Raises:
        InputError: if there is none, or one is given twice or can't be read.
        MissingExtraError: if what `compare` needs is not installed.
    """
    for package in ("sklearn", "scipy", "pyarrow"):
        require(package, extra="compare", feature="compare")
    parsed = [Candidate.parse(c) if isinstance(c, str) else c for c in candidates]
    if not parsed:
        raise InputError(
            "candidates must hold at least one, but is empty. "
            "Example: pip:efficientnet_lite0@1 pip:efficientnet_lite0@1,2"
        )
    for candidate in parsed:
        if parsed.count(candidate) > 1:
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
    data: ClassificationData,
    settings: CompareSettings,
    store: FeatureStore,
    progress: Progress,
) -> tuple[Features, Features]:
    """Features of every scale that any of the candidates needs, for both splits."""
    scales = sorted({scale for candidate in members for scale in candidate.scales})
    weights = weights_hash(backbone)
    train, test = (
        extract_pooled(
            settings.module(backbone, scales),
            images,
            store=store,
            weights=weights,
            step=f"{backbone.name}: {split} images",
            progress=progress,
        )
        for split, images in (("train", data.train), ("test", data.test))
    )
    return train, test


def _columns(features: Features, candidate: Candidate) -> NDArray[np.float32]:
    return np.concatenate([features[scale] for scale in candidate.scales], axis=1)


def _assemble(
    data: ClassificationData,
    outcomes: dict[Candidate, _Outcome],
    settings: CompareSettings,
    image_hw: HW,
) -> Comparison:
    labels = data.test.labels
    answers = {str(c): o.probe.probabilities.argmax(axis=1) for c, o in outcomes.items()}
    correct = {name: answer == labels for name, answer in answers.items()}
    intervals = accuracy_intervals(correct, seed=settings.seed)
    facts = run_facts(data, list(outcomes), settings) | {
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
        contrasts=tuple(paired_contrasts(correct, seed=settings.seed)),
        predictions=answers,
        probabilities={
            str(c): o.probe.probabilities[np.arange(len(labels)), labels]
            for c, o in outcomes.items()
        },
        data=data,
    )


def run_facts(
    data: ClassificationData, candidates: Sequence[Candidate], settings: CompareSettings
) -> dict[str, object]:
    """What a run was asked to do, as each row of its results keeps it."""
    return {
        "candidates": [str(c) for c in candidates],
        "data": data.name,
        "split": data.about,
        "train_fingerprint": data.train.fingerprint,
        "test_fingerprint": data.test.fingerprint,
        **asdict(replace(settings, dtype=settings.precision)),
        "features": "per scale: the class token where there is one, then the mean of the map",
        "resampling": "bicubic, antialiased where it shrinks, squashed to the tile's aspect",
        "intervals": "95 %, percentiles of a bootstrap over test images, 10 000 resamples, paired",
    }
