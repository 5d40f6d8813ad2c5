"""Retrieval: are an image's nearest neighbours of its class? Nothing is trained."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyscale.data import ClassificationData, load_classification
from polyscale.errors import InputError
from polyscale.records import Metric
from polyscale.tasks.evaluation import Baseline, Scores
from polyscale.tasks.groups import ImageGroups, by_class
from polyscale.tasks.pooled import PooledTask
from polyscale.tasks.settings import Rows
from polyscale.tasks.task import CLASS_SOURCES

COLUMNS = ("retrieval_map", "recall_1", "recall_5")

RANDOM_DIM = 64
"""Columns of random features: directions enough that images don't line up."""

CHUNK = 256
"""Queries at once: their similarities take 1 MB for each thousand images."""


class Retrieval(PooledTask):
    """Each test image searches the other test images, by the cosine of their features.

    Targets are classes: any values that can be compared, one for each image. A resample draws
    queries; the images that they search stay the same.
    """

    name = "retrieval"
    sources = CLASS_SOURCES
    loader = staticmethod(load_classification)
    metric = Metric(
        key="retrieval_map", name="Mean average precision", unit="%", noun="mean average precision"
    )
    other_metrics = (
        Metric(key="recall_1", name="Recall at 1", unit="%"),
        Metric(key="recall_5", name="Recall at 5", unit="%"),
    )
    grouped_by = "class"
    about = "none: nearest neighbours by the cosine of pooled features"
    learns = False

    def check_split(self, images: Any, split: str, data: Any) -> None:
        """Raise an InputError where no image has a partner of its class."""
        _, counts = np.unique(images.targets, return_counts=True)
        if counts.max() < 2 or len(counts) < 2:
            raise InputError(
                f"data {data.name} must have two classes, and one with two {split} images, "
                "so that there is something to find. Add images."
            )

    def fit_predict(self, train: Rows, targets: NDArray, test: Rows, settings: Any) -> NDArray:
        """The other test images of each, nearest first (num_test, num_test - 1)."""
        rows = np.asarray(test, np.float64)
        rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        ranked = []
        for start in range(0, len(rows), CHUNK):
            chunk = np.arange(start, min(start + CHUNK, len(rows)))
            similarity = rows[chunk] @ rows.T
            similarity[np.arange(len(chunk)), chunk] = -np.inf  # the query comes last
            ranked.append(np.argsort(-similarity, axis=1, kind="stable")[:, :-1])
        return np.concatenate(ranked).astype(np.int32)

    def score_images(self, predictions: NDArray, targets: NDArray) -> Mapping[str, NDArray]:
        """Average precision and recalls of each query; NaN where its class is on no other image."""
        targets = np.asarray(targets)
        columns = {name: np.full(len(targets), np.nan) for name in COLUMNS}
        for query, ranked in enumerate(predictions):
            places = np.flatnonzero(targets[ranked] == targets[query])
            if len(places):
                precision = np.arange(1, len(places) + 1) / (places + 1)
                scores = (precision.mean(), places[0] < 1, places[0] < 5)
                for name, value in zip(COLUMNS, scores, strict=True):
                    columns[name][query] = value
        return columns

    def groups(self, images: Any, data: Any) -> ImageGroups:
        """By class."""
        classes, numbers = np.unique(np.asarray(images.targets), return_inverse=True)
        return by_class(numbers, [self.text(value, data) for value in classes])

    def selection(self, train: Rows, targets: NDArray, settings: Any) -> Scores:
        """How it does among the training images, which are searched for nothing else."""
        return self.score(self.fit_predict(train, targets, train, settings), targets)

    def floors(self, data: Any, settings: Any) -> tuple[Baseline, ...]:
        """A ranking by features that are drawn at random."""
        rng, shape = np.random.default_rng(settings.seed), (len(data.test), RANDOM_DIM)
        rows = rng.normal(size=shape).astype(np.float32)
        ranked = self.fit_predict(rows, self.targets(data.train), rows, settings)
        scores = self.score(ranked, self.targets(data.test))
        about = "Images are ranked in random order."
        return (Baseline(name="random order", about=about, scores=scores),)

    def text(self, target: Any, data: Any) -> str:
        """A class; or the name of the nearest test image."""
        if np.ndim(target):
            return data.test.ids[int(target[0])]
        is_index = isinstance(data, ClassificationData)
        return data.class_names[target] if is_index else super().text(target, data)
