"""Several labels for each image, judged by mean average precision."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyscale.data import load_multilabel
from polyscale.errors import InputError
from polyscale.learning.heads import LinearHead
from polyscale.records import Metric, write_json
from polyscale.stats import WeightedMetric
from polyscale.tasks.evaluation import FinishedRun
from polyscale.tasks.groups import ImageGroups, by_label
from polyscale.tasks.pooled import PooledTask, fit_ridge
from polyscale.tasks.pooled_predictor import Columns
from polyscale.tasks.settings import Rows


class Multilabel(PooledTask):
    """One ridge regression for each label; images are ranked by its score.

    Targets are 0 or 1 for each image and label (num_images, num_labels), and the data set has
    `class_names`.
    """

    name = "multilabel"
    sources = "csv:PATH with a column of labels, hf:NAME or hf:PATH"
    loader = staticmethod(load_multilabel)
    metric = Metric(
        key="map", name="Mean average precision", unit="%", noun="mean average precision"
    )
    other_metrics = (Metric(key="exact", name="All labels right", unit="%"),)
    reduction = None
    grouped_by = "label"
    about = "ridge regression onto each label, on centred pooled features"
    floor = ("frequency of labels", "Every image gets the frequencies of the training labels.")

    def check_split(self, images: Any, split: str, data: Any) -> None:
        """Raise an InputError for targets that are not 0 or 1, or a label that no image has."""
        targets, num = np.asarray(images.targets), len(data.class_names)
        if targets.shape[1:] != (num,) or not np.isin(targets, (0, 1)).all():
            raise InputError(
                f"targets of the {split} images of {data.name} must be 0 or 1 for each of "
                f"{num} labels, but their shape is {targets.shape}."
            )
        if not targets.any(axis=0).all():
            absent = data.class_names[int(targets.any(axis=0).argmin())]
            raise InputError(
                f"data {data.name} must have a {split} image with label {absent!r}, but has "
                "none. Add some, or take the label out."
            )

    def targets(self, images: Any) -> NDArray[np.bool_]:
        """Whether each image has each label (num_images, num_labels)."""
        return np.asarray(images.targets).astype(bool)

    def text(self, target: Any, data: Any) -> str:
        """The names of the labels of an image."""
        return ", ".join(np.array(data.class_names)[np.asarray(target, float) > 0.5])

    def groups(self, images: Any, data: Any) -> ImageGroups:
        """By label."""
        return by_label(self.targets(images), data.class_names)

    def fit(self, train: Rows, targets: NDArray, settings: Any) -> LinearHead:
        """A score for each label, about 1 where the label is expected."""
        return fit_ridge(train, targets.astype(np.float64))

    def decide(self, scores: NDArray[np.float64]) -> NDArray:
        """The scores themselves, by which images are ranked."""
        return scores

    def columns(self, scores: NDArray[np.float64], facts: Mapping[str, Any]) -> Columns:
        """The labels that are expected, and the score of each label."""
        names = np.array(facts["class_names"])
        labels = ["; ".join(names[of_image > 0.5]) for of_image in scores]
        return {"labels": labels, **dict(zip(names.tolist(), scores.T, strict=True))}

    def head_facts(self, data: Any) -> dict[str, Any]:
        """The names of the labels."""
        return {"class_names": list(data.class_names)}

    def score_images(self, predictions: NDArray, targets: NDArray) -> Mapping[str, NDArray]:
        """The share of labels that are right, and whether all are."""
        right = (predictions > 0.5) == targets
        return {"labels_right": right.mean(axis=1), "exact": right.all(axis=1).astype(float)}

    def weighted(self, predictions: NDArray, targets: NDArray) -> WeightedMetric:
        """Mean average precision; labels that are on no image of a resample are left out."""
        return lambda shares: np.nanmean(label_precisions(predictions, targets, shares), axis=0)

    def details(self, predictions: NDArray, targets: NDArray) -> list[float]:
        """The average precision of each label."""
        even = np.full((1, len(targets)), 1 / len(targets))
        return label_precisions(predictions, targets, even)[:, 0].tolist()

    def own_files(self) -> tuple[str, ...]:
        """The average precision of each label."""
        return ("labels.json",)

    def write(self, folder: Path, run: FinishedRun) -> None:
        """Candidate → label → average precision."""
        names = run.data.class_names
        content = {
            candidate: dict(zip(names, evaluation.scores.details, strict=True))
            for candidate, evaluation in run.evaluations.items()
        }
        write_json(folder / "labels.json", content)


def label_precisions(
    predictions: NDArray, targets: NDArray, shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Average precision of each label (num_labels, resamples)."""
    columns = zip(predictions.T, targets.T, strict=True)
    return np.stack([average_precision(scores, truth, shares) for scores, truth in columns])


def average_precision(
    scores: NDArray[np.floating], truth: NDArray[np.bool_], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean precision at every image with the label, by falling score (resamples,).

    Images of equal score share the precision behind the last of them.

    Args:
        scores: of the images (num_images,).
        truth: whether each has the label (num_images,).
        shares: of the images in each resample (resamples, num_images).
    """
    order = np.argsort(-scores, kind="stable")
    ranked, right = scores[order], shares[:, order] * truth[order]
    last = np.searchsorted(-ranked, -ranked, side="right") - 1
    hits, seen = right.cumsum(axis=1)[:, last], shares[:, order].cumsum(axis=1)[:, last]
    precision = np.divide(hits, seen, out=np.zeros_like(seen), where=seen > 0)
    total = right.sum(axis=1)
    return np.divide(
        (right * precision).sum(axis=1), total, out=np.full_like(total, np.nan), where=total > 0
    )
