"""What a task and the run loop hand each other: a candidate's features, and how its head did."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from statistics import stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from polyscale.features import FeatureStore
from polyscale.operator.multiscale import MultiScale
from polyscale.records import BoundKind, Result, Verdict
from polyscale.stats import WeightedMetric
from polyscale.types import Candidate, Progress


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """How a candidate did on some images.

    Where all compared scores have `trainings`, intervals and tests cover other trainings as well as
    other images. Otherwise the first of `correct`, `statistics` and `weighted` that all of them
    have is resampled.

    Attributes:
        value: the metric.
        columns: name → what is known of each image, as the file of images keeps it.
        others: other metrics, by their key.
        image_scores: the metric of each image alone, by which images for the gallery are chosen;
            NaN where there is none (num_test,).
        correct: whether each image is right (num_test,): exact tests apply.
        statistics: what a bootstrap averages over images (num_judged, num_statistics).
        weighted: weights of the images (resamples, num_test) → the metric (resamples,): for
            metrics that are no function of means.
        trainings: the metric of each of several trainings on each image, whose mean is `value`
            (num_trainings, num_test); at least three trainings.
        details: anything else that the task writes into its files.
    """

    value: float
    columns: Mapping[str, Sequence[Any] | NDArray]
    others: Mapping[str, float] = field(default_factory=dict)
    image_scores: NDArray[np.floating]
    correct: NDArray[np.bool_] | None = None
    statistics: NDArray[np.floating] | None = None
    weighted: WeightedMetric | None = None
    trainings: NDArray[np.floating] | None = None
    details: Any = None

    @property
    def num_judged(self) -> int:
        """Images that count."""
        return len(self.image_scores if self.statistics is None else self.statistics)


@dataclass(frozen=True, kw_only=True, eq=False)
class Baseline:
    """Answers that are judged as those of candidates are, and show what these are worth.

    Attributes:
        name: what gives the answers, for example "most frequent class".
        about: how it gives them, as a sentence.
        scores: on the test images.
        kind: whether candidates should be better ("floor"), or can hardly be ("ceiling").
    """

    name: str
    about: str
    scores: Scores
    kind: BoundKind = "floor"


@dataclass(frozen=True, kw_only=True, eq=False)
class SavedHead:
    """A trained head, as its file keeps it.

    Attributes:
        name: its kind, by the name in the registry of heads.
        head: a module whose `config` makes it again.
        facts: what else is known of it, JSON-like.
    """

    name: str
    head: nn.Module
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """A candidate after training and test.

    Attributes:
        selection: how it did on training images that the head had not seen. Candidates are chosen
            by it, and never by the test images.
        train_value: the metric on training images that the head learned from: where it is far above
            the others, the head has learned them by heart; None where nothing is learned.
        head: what was trained, as files or add-ons of the task need it.
        facts: how it was trained, as JSON holds it: `probe` of a row of results.
        module: images → anything; what is timed. Its method `counted(image_hw)`, where it has one,
            gives the operations for one image; otherwise they are those of the operator.
        feature_dim: numbers that describe one image, or one place of its map.
        num_tiles: times that the backbone runs for one image.
        test: features of the test images, where the gallery needs them again.
        saved: what the run keeps of the head for `polyscale predict`; None where it keeps none.
    """

    scores: Scores
    selection: Scores
    train_value: float | None = None
    head: Any = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    module: nn.Module
    feature_dim: int
    num_train: int
    num_tiles: int
    test: Any = None
    saved: SavedHead | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One candidate with its features, ready for a head.

    Attributes:
        module: the operator that computes its features.
        train: features of the training images: rows (num_train, dim), or maps.
        test: features of the test images, likewise.
        prepared: what `Task.prepare` returned.
        feature_keys: change when anything changes that the training features depend on.
        variant: options of `MultiScaleConfig`, for example `output_grid`, → the same candidate
            with them, made of the features that are there; None where there is only one.
        parallel: whether the operator may run in several threads at once.
        store: folder in which trained heads may be kept.
        stage: name → a context in which time counts for that stage.
    """

    candidate: Candidate
    module: MultiScale
    train: Any
    test: Any
    data: Any
    settings: Any
    prepared: Any
    feature_keys: tuple[str, ...]
    store: FeatureStore
    stage: Callable[[str], AbstractContextManager[None]]
    progress: Progress
    variant: Callable[..., "Case"] | None = None
    parallel: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class FinishedRun:
    """What a task's own files are made from.

    `evaluations` are by the name of the candidate.
    """

    data: Any
    settings: Any
    rows: Sequence[Result]
    verdicts: Sequence[Verdict]
    evaluations: Mapping[str, Evaluation]


def spread_of_seeds(values: Sequence[float]) -> dict[str, Any]:
    """Facts of trainings with other seeds; the choice of test images has no part in them."""
    return {"seed_values": list(values), "seed_std": stdev(values)} if len(values) > 1 else {}
