"""Classification: one class for each image, judged by accuracy or another metric."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from polyscale.checks import check_choice
from polyscale.data import ClassificationData, load_classification
from polyscale.learning.heads import ProbeResult, Protocol, fit_paper_probe, probe
from polyscale.records import METRICS
from polyscale.stats import (
    CLASS_METRICS,
    ClassAnswers,
    class_metric,
    reliability,
    threshold_errors,
)
from polyscale.tasks.evaluation import Baseline, Case, Evaluation, SavedHead, Scores
from polyscale.tasks.groups import ImageGroups, by_class
from polyscale.tasks.options import option
from polyscale.tasks.pooled import HEAD, PooledTask, pooled_evaluation
from polyscale.tasks.pooled_predictor import Columns
from polyscale.tasks.settings import PooledSettings, Rows
from polyscale.tasks.task import CLASS_SOURCES, AddOn


@dataclass(frozen=True, kw_only=True)
class ClassificationSettings(PooledSettings):
    """What a comparison of classifiers depends on besides the data and the candidates."""

    protocol: Protocol = option(
        "fast",
        help="How the probe is trained: fast (logistic regression that converges) or paper (one "
        "layer, 30 epochs).",
    )
    probes: bool = option(
        False,
        help="Also train other probes on the same features: nearest neighbours, few images per "
        "class, other seeds.",
    )
    controls: bool = option(
        False,
        help="Also run controls that show what helps about S²: one large image without tiles, "
        "scales averaged instead of joined, features of equal width.",
    )

    hard: bool = option(
        False,
        help="Also find the test images on which the larger model gains most and several scales do "
        "not, and say whether they look rare or have ambiguous labels.",
    )
    why: bool = option(
        False,
        help="Also say why the larger model still wins where it does: as --hard, and how much of "
        "its features is a linear function of the small model's.",
    )

    def __post_init__(self) -> None:
        check_choice("protocol", self.protocol, get_args(Protocol))
        super().__post_init__()


class Classification(PooledTask):
    """A linear probe for each candidate; exact tests of which ones are right.

    By another metric than accuracy, images are resampled instead.
    """

    name = "classification"
    sources = CLASS_SOURCES
    metric = METRICS["accuracy"]
    other_metrics = tuple(METRICS[key] for key in (*CLASS_METRICS, "ece") if key != "accuracy")
    settings_type = ClassificationSettings
    data_type = ClassificationData
    loader = staticmethod(load_classification)
    right_or_wrong = True
    judging = MappingProxyType({key: {"reduction": None} for key in CLASS_METRICS})
    shown_only = ("ece",)
    grouped_by = "class"
    images_file: ClassVar[str] = "predictions.parquet"

    def targets(self, images: Any) -> NDArray[np.int64]:
        """Indices of classes."""
        return images.labels

    def text(self, target: Any, data: Any) -> str:
        """The name of a class."""
        return str(data.class_names[target])

    def fit_predict(self, train: Rows, targets: NDArray, test: Rows, settings: Any) -> NDArray:
        """Probabilities of the classes of each test image (num_test, num_classes)."""
        return _fit(train, targets, test, settings).probabilities

    def score(self, predictions: NDArray, targets: NDArray) -> Scores:
        """Every metric of probabilities (num_test, num_classes) and the right classes."""
        return self._score(ClassAnswers(targets, predictions))

    def _score(self, answers: ClassAnswers) -> Scores:
        probabilities, truth = answers.probabilities, answers.truth
        correct, confidence = probabilities.argmax(axis=1) == truth, probabilities.max(axis=1)
        even = np.full((1, len(truth)), 1 / len(truth))
        values = {key: float(class_metric(key, answers)(even)[0]) for key in CLASS_METRICS}
        if not answers.guesses:
            values["accuracy"] = float(correct.mean())  # without the rounding of shares
        is_exact = self.right_or_wrong and not answers.guesses
        return Scores(
            value=values.pop(self.metric.key),
            others=values | {"ece": reliability(confidence, correct).error},
            columns={
                "probability": probabilities[np.arange(len(truth)), truth].astype(np.float32),
                "confidence": confidence.astype(np.float32),
                "correct": correct,
            },
            image_scores=correct,
            correct=correct if is_exact else None,
            weighted=class_metric(self.metric.key, answers),
        )

    def evaluate(self, case: Case) -> Evaluation:
        """The probe, which cross-validates by itself; `head` is its `ProbeResult`."""
        train, test = case.data.train.labels, case.data.test.labels
        names = np.array(case.data.class_names)
        result = _fit(case.train, train, case.test, case.settings)
        assert result.out_of_fold is not None, "probes cross-validate"
        scores = self.score(result.probabilities, test)
        words = {"label": names[test], "prediction": names[result.probabilities.argmax(axis=1)]}
        return pooled_evaluation(
            case,
            replace(scores, columns={**words, **scores.columns}),
            selection=self.score(result.out_of_fold, train),
            train_value=self.score(softmax(result.linear.scores(case.train), axis=1), train).value,
            head=result,
            facts=result.summary(),
            saved=SavedHead(name=HEAD, head=result.linear, facts=_thresholds(result, case.data)),
        )

    def floors(self, data: ClassificationData, settings: Any) -> tuple[Baseline, ...]:
        """The class of most training images, and guessing."""
        labels, num = data.test.labels, len(data.class_names)
        frequency = np.bincount(data.train.labels, minlength=num) / len(data.train)
        shape = (len(labels), num)
        guesses = ClassAnswers(labels, np.broadcast_to(1 / num, shape), guesses=True)
        return (
            Baseline(
                name="most frequent class",
                about="Every image gets the class of most training images.",
                scores=self.score(np.broadcast_to(frequency, shape), labels),
            ),
            Baseline(
                name="chance",
                about="Every class is guessed equally often.",
                scores=self._score(guesses),
            ),
        )

    def columns(self, scores: NDArray[np.float64], facts: Mapping[str, Any]) -> Columns:
        """The most probable class, its probability, and that of every class."""
        names, probabilities = facts["class_names"], softmax(scores, axis=1)
        return {
            "prediction": [names[index] for index in probabilities.argmax(axis=1)],
            "probability": probabilities.max(axis=1),
            **dict(zip(names, probabilities.T, strict=True)),
        }

    def head_facts(self, data: Any) -> dict[str, Any]:
        """The names of the classes."""
        return {"class_names": list(data.class_names)}

    def seed_values(self, case: Case, seeds: Sequence[int]) -> tuple[float, ...]:
        """The metric with other seeds; with the paper's protocol, folds are left out."""
        if case.settings.protocol != "paper":
            return super().seed_values(case, seeds)
        fit = partial(
            fit_paper_probe, case.train, case.data.train.labels, case.test, cross_validate=False
        )
        results = [fit(seed=seed, device=case.settings.device) for seed in seeds]
        labels = case.data.test.labels
        return tuple(self.score(result.probabilities, labels).value for result in results)

    def facts(self, data: Any, settings: Any) -> dict[str, Any]:
        """What the probe sees, and where intervals come from."""
        return {"features": settings.about_features, "intervals": self.about_intervals}

    def addons(self, settings: Any) -> tuple[AddOn, ...]:
        """Cascades, which are judged by accuracy; the others where they are asked for."""
        asked: dict[AddOn, bool] = {
            "probes": settings.probes,
            "controls": settings.controls,
            "hard": settings.hard or settings.why,
        }
        chosen = (name for name, is_asked in asked.items() if is_asked)
        cascades: tuple[AddOn, ...] = ("cascades",) if self.right_or_wrong else ()
        return (*cascades, *chosen, *super().addons(settings))

    def groups(self, images: Any, data: ClassificationData) -> ImageGroups:
        """By class."""
        return by_class(images.labels, data.class_names)


def _thresholds(result: ProbeResult, data: ClassificationData) -> dict[str, Any]:
    """Of two classes, the errors in finding the one with fewer training images, by threshold.

    Those of cross-validated training images are for choosing a threshold, those of the test images
    for judging it.
    """
    if len(data.class_names) != 2:
        return {}
    positive = int(np.bincount(data.train.labels).argmin())

    def errors(probabilities: NDArray[np.floating], labels: NDArray) -> dict[str, Any]:
        return asdict(threshold_errors(probabilities[:, positive], labels == positive))

    found = {"test": errors(result.probabilities, data.test.labels)}
    if result.out_of_fold is not None:
        found = {"cross_validated": errors(result.out_of_fold, data.train.labels), **found}
    return {"positive": data.class_names[positive], "threshold_errors": found}


def _fit(train: Rows, labels: NDArray, test: Rows, settings: ClassificationSettings) -> ProbeResult:
    protocol, seed, device = settings.protocol, settings.seed, settings.device
    return probe(train, labels, test, protocol=protocol, seed=seed, device=device)
