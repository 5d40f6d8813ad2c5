"""Classification: one class for each image, judged by accuracy."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, ClassVar, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from polyscale.data import ClassificationData, load_classification
from polyscale.learning.heads import ProbeResult, Protocol, fit_paper_probe, probe
from polyscale.records import METRICS
from polyscale.stats import threshold_errors
from polyscale.tasks.groups import ImageGroups, by_class
from polyscale.tasks.options import option
from polyscale.tasks.pooled import HEAD, PooledTask, pooled_evaluation
from polyscale.tasks.pooled_predictor import Columns
from polyscale.tasks.settings import PooledSettings, Rows, check_choice
from polyscale.tasks.task import CLASS_SOURCES, AddOn, Case, Evaluation, SavedHead, Scores


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

    def __post_init__(self) -> None:
        check_choice("protocol", self.protocol, get_args(Protocol))
        super().__post_init__()


class Classification(PooledTask):
    """A linear probe for each candidate, and exact tests of which ones are right."""

    name = "classification"
    sources = CLASS_SOURCES
    metric = METRICS["accuracy"]
    settings_type = ClassificationSettings
    data_type = ClassificationData
    loader = staticmethod(load_classification)
    right_or_wrong = True
    grouped_by = "class"
    images_file: ClassVar[str] = "predictions.parquet"

    def targets(self, images: Any) -> NDArray[np.int64]:
        """Indices of classes."""
        return images.labels

    def text(self, target: Any, data: Any) -> str:
        """The name of a class."""
        return str(data.class_names[target])

    def fit_predict(self, train: Rows, targets: NDArray, test: Rows, settings: Any) -> NDArray:
        """Predicted class of each test image."""
        return _fit(train, targets, test, settings).probabilities.argmax(axis=1)

    def evaluate(self, case: Case) -> Evaluation:
        """The probe, which cross-validates by itself; `head` is its `ProbeResult`."""
        data = case.data
        result = _fit(case.train, data.train.labels, case.test, case.settings)
        assert result.out_of_fold is not None
        return pooled_evaluation(
            case,
            _scores(result.probabilities, data.test.labels, data.class_names),
            selection=_scores(result.out_of_fold, data.train.labels, data.class_names),
            head=result,
            facts=result.summary(),
            saved=SavedHead(name=HEAD, head=result.linear, facts=_thresholds(result, case.data)),
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
        """Accuracies with other seeds; with the paper's protocol, folds are left out."""
        if case.settings.protocol != "paper":
            return super().seed_values(case, seeds)
        fit = partial(
            fit_paper_probe, case.train, case.data.train.labels, case.test, cross_validate=False
        )
        results = [fit(seed=seed, device=case.settings.device) for seed in seeds]
        return tuple(result.accuracy(case.data.test.labels) for result in results)

    def facts(self, data: Any, settings: Any) -> dict[str, Any]:
        """What the probe sees, and where intervals come from."""
        return {"features": settings.about_features, "intervals": self.about_intervals}

    def addons(self, settings: Any) -> tuple[AddOn, ...]:
        """Cascades always; other probes and controls where they are asked for."""
        optional: tuple[AddOn, ...] = ("probes", "controls")
        chosen = (name for name in optional if getattr(settings, name))
        return ("cascades", *chosen, *super().addons(settings))

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


def _scores(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64], class_names: Sequence[str]
) -> Scores:
    names, predicted = np.array(class_names), probabilities.argmax(axis=1)
    correct = predicted == labels
    of_truth = probabilities[np.arange(len(labels)), labels]
    return Scores(
        value=float(correct.mean()),
        columns={
            "label": names[labels],
            "prediction": names[predicted],
            "probability": of_truth.astype(np.float32),
            "correct": correct,
        },
        image_scores=correct,
        correct=correct,
    )
