"""Tasks with one row of features for each image: the place to begin a task of your own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from polyscale.data import Draw
from polyscale.errors import InputError
from polyscale.features import pooled_columns
from polyscale.learning.heads import LinearHead
from polyscale.operator.multiscale import MultiScale
from polyscale.stats import WeightedMetric
from polyscale.tasks.evaluation import Baseline, Case, Evaluation, SavedHead, Scores
from polyscale.tasks.files import answers_table, most_divided, thumbnail
from polyscale.tasks.pooled_predictor import Columns, PooledPredictor
from polyscale.tasks.settings import PooledSettings, Rows, RunSettings
from polyscale.tasks.task import Task
from polyscale.types import Candidate

NUM_FOLDS = 5
GALLERY_SIZE = 24

HEAD = "linear"
"""The kind of every head of pooled features that a run keeps."""


class PooledTask(Task):
    """A task that describes each image by one row of numbers.

    `fit` or `fit_predict` says what is learned, and `score_images` how it is judged. Selection by
    cross-validation, intervals, contrasts, verdicts, files and report follow from these.

    Attributes:
        about: what is trained, in words.
        learns: whether training images are learned from, so that a value on them says something.
        controls: what the run loop takes away from several scales, where it is asked for controls.
        floor: name of what the head answers without seeing any image, and how, as a sentence.
    """

    settings_type: ClassVar[type[RunSettings]] = PooledSettings
    about: ClassVar[str] = "a head of the user's own"
    learns: ClassVar[bool] = True
    controls: ClassVar[tuple[str, ...]] = ("untiled", "mean", "equal_width")
    floor: ClassVar[tuple[str, str]] = (
        "head without images",
        "The same head is trained, but every image has the same features.",
    )

    def fit(self, train: Rows, targets: NDArray, settings: Any) -> LinearHead | None:
        """Learn a linear map from the training images, which the run keeps for `polyscale predict`.

        A task whose head is anything else writes `fit_predict` instead.

        Args:
            train: features of the training images (num_train, dim).
            targets: of the training images (num_train, ...).
            settings: an instance of `settings_type`.
        """
        return None

    def decide(self, scores: NDArray[np.float64]) -> NDArray:
        """Scores of a head (num, num_outputs) → predictions, one for each image."""
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def columns(self, scores: NDArray[np.float64], facts: Mapping[str, Any]) -> Columns:
        """Scores of a head (num, num_outputs) → what `polyscale predict` writes of each picture.

        Args:
            scores: of new pictures.
            facts: of the file of the head, with `head_facts`.
        """
        return {"prediction": self.decide(scores)}

    def fit_predict(self, train: Rows, targets: NDArray, test: Rows, settings: Any) -> NDArray:
        """Learn from the training images, and predict the test images.

        Args:
            train: features of the training images (num_train, dim).
            targets: of the training images (num_train, ...).
            test: features of the test images (num_test, dim).
            settings: an instance of `settings_type`.

        Returns:
            One prediction for each test image (num_test, ...).
        """
        head = self.fit(train, targets, settings)
        assert head is not None, f"{type(self).__name__}.fit or fit_predict must be written"
        return self.decide(head.scores(test))

    def score_images(self, predictions: NDArray, targets: NDArray) -> Mapping[str, NDArray]:
        """Judge every test image: name → one number for each image (num_test,).

        There must be the columns that `statistics` names, or else one named like the metric; with
        `right_or_wrong`, a column `correct` of booleans. A column that is named like one of
        `other_metrics` gives its value: the mean.
        """
        return {}

    def weighted(self, predictions: NDArray, targets: NDArray) -> WeightedMetric | None:
        """Shares of the images (resamples, num_test) → the metric (resamples,).

        Only for metrics that are no function of means over images, whose `reduction` is None.
        """
        return None

    def details(self, predictions: NDArray, targets: NDArray) -> Any:
        """What else `write` needs to know of the test images: `Scores.details`."""
        return None

    def targets(self, images: Any) -> NDArray:
        """The targets of a split (num_images, ...)."""
        return images.targets

    def text(self, target: Any, data: Any) -> str:
        """A target or a prediction, as files show it."""
        return f"{target:.4g}" if isinstance(target, float) else str(target)

    def draw(self, images: Any, index: int, data: Any, side_px: int) -> tuple[Image.Image, str]:
        """An image, and its target in words."""
        picture, _ = super().draw(images, index, data, side_px)
        return picture, self.text(self.targets(images)[index], data)

    def score(self, predictions: NDArray, targets: NDArray) -> Scores:
        """The metrics of all images together."""
        columns = self.score_images(predictions, targets)
        others = {
            key: float(np.nanmean(columns[key]))
            if key in columns
            else self.judged_by(key)._judge(columns, predictions, targets).value
            for key in (metric.key for metric in self.other_metrics)
            if key in columns or key in self.judging
        }
        own = self._judge(columns, predictions, targets)
        return replace(own, others=others, details=self.details(predictions, targets))

    def _judge(
        self, columns: Mapping[str, NDArray], predictions: NDArray, targets: NDArray
    ) -> Scores:
        """The metric alone."""
        weighted = None if self.reduction else self.weighted(predictions, targets)
        if weighted is not None:
            value = float(weighted(np.full((1, len(targets)), 1 / len(targets)))[0])
            image_scores = next(iter(columns.values()), np.full(len(targets), np.nan))
            return Scores(
                value=value, weighted=weighted, image_scores=image_scores, columns=columns
            )
        names = ("correct",) if self.right_or_wrong else self.averaged
        for name in names:
            if name not in columns or len(columns[name]) != len(targets):
                raise InputError(
                    f"score_images of task {self.name} must return a column {name!r} with one "
                    f"value for each of {len(targets)} images. Return it, or name other columns in "
                    "`statistics`."
                )
        if self.right_or_wrong:
            correct = columns["correct"].astype(bool)
            return Scores(
                value=float(correct.mean()), correct=correct, image_scores=correct, columns=columns
            )
        statistics = np.stack([columns[name] for name in names], axis=1).astype(np.float64)
        known = np.isfinite(statistics).all(axis=1)
        return Scores(
            value=float(self.reduce(statistics[known].mean(axis=0)[None])[0]),
            statistics=statistics[known],
            image_scores=np.where(known, columns[names[0]], np.nan),
            columns=columns,
        )

    def selection(self, train: Rows, targets: NDArray, settings: Any) -> Scores:
        """How it does on the training images, each predicted from the other folds."""
        fold = np.random.default_rng(settings.seed).permutation(len(train)) % NUM_FOLDS
        parts = [
            self.fit_predict(
                train[fold != held], targets[fold != held], train[fold == held], settings
            )
            for held in range(min(NUM_FOLDS, len(train)))
        ]
        order = np.argsort(np.argsort(fold, kind="stable"))
        return self.score(np.concatenate(parts)[order], targets)

    def floors(self, data: Any, settings: Any) -> tuple[Baseline, ...]:
        """What the head answers where features tell nothing."""
        train, test = (np.zeros((len(split), 1), np.float32) for split in (data.train, data.test))
        predictions = self.fit_predict(train, self.targets(data.train), test, settings)
        name, about = self.floor
        scores = self.score(predictions, self.targets(data.test))
        return (Baseline(name=name, about=about, scores=scores),)

    def evaluate(self, case: Case) -> Evaluation:
        """Predict the test images, and cross-validate on the training images."""
        data, settings = case.data, case.settings
        train, test = self.targets(data.train), self.targets(data.test)
        head = self.fit(case.train, train, settings)

        def predict(rows: Rows) -> NDArray:
            if head is None:
                return self.fit_predict(case.train, train, rows, settings)
            return self.decide(head.scores(rows))

        predictions = predict(case.test)
        _check_predictions(np.asarray(predictions), len(test))
        scores = self.score(predictions, test)
        words = {
            "label": [self.text(target, data) for target in test],
            "prediction": [self.text(prediction, data) for prediction in predictions],
        }
        return pooled_evaluation(
            case,
            replace(scores, columns={**words, **scores.columns}),
            selection=self.selection(case.train, train, settings),
            train_value=self.score(predict(case.train), train).value if self.learns else None,
            facts={"head": self.about},
            saved=None if head is None else SavedHead(name=HEAD, head=head),
        )

    def check_head(self, head: nn.Module, facts: Mapping[str, Any]) -> None:
        """Raise an InputError for a head without a name for each of its scores."""
        assert isinstance(head, LinearHead)
        names, num_scores = facts.get("class_names"), head.config["num_outputs"]
        if names is not None and len(names) != num_scores:
            raise InputError(
                f"head must have a name for each of its {num_scores} scores, but has {len(names)}. "
                "Train it with polyscale compare."
            )

    def predictor(
        self, module: MultiScale, head: nn.Module, facts: Mapping[str, Any]
    ) -> PooledPredictor:
        """Pictures → what `columns` says of them."""
        assert isinstance(head, LinearHead)
        return PooledPredictor(
            module,
            head,
            feature=facts["feature"],
            read=partial(self.columns, facts=facts),
            class_names=facts.get("class_names", ()),
            facts=facts,
        )

    def seed_values(self, case: Case, seeds: Sequence[int]) -> tuple[float, ...]:
        """The metric with other seeds, everything else being equal."""
        return tuple(
            self.evaluate(replace(case, settings=replace(case.settings, seed=seed))).scores.value
            for seed in seeds
        )

    def check_data(self, data: Any) -> None:
        """Raise an InputError for data without a target for each image."""
        super().check_data(data)
        for split, images in (("train", data.train), ("test", data.test)):
            try:
                num = len(self.targets(images))
            except AttributeError:  # data of another task
                num = 0
            if num != len(images) or not num:
                raise InputError(
                    f"data {data.name} must have one target for each {split} image for task "
                    f"{self.name}, but has {num} for {len(images)} images."
                )
            self.check_split(images, split, data)

    def check_split(self, images: Any, split: str, data: Any) -> None:
        """Raise an InputError for targets of a split, "train" or "test", that cannot be used."""

    def check(self, module: MultiScale, candidate: Candidate, data: Any, settings: Any) -> None:
        """Raise an InputError for the class token of a model that has none."""
        has_cls = module.backbone.has_cls
        pooled_columns(candidate.scales, dim=1, has_cls=has_cls, feature=settings.feature)

    def facts(self, data: Any, settings: Any) -> dict[str, Any]:
        """Also the targets, and what heads see."""
        return {
            "train_targets": _fingerprint(self.targets(data.train)),
            "test_targets": _fingerprint(self.targets(data.test)),
            "features": settings.about_features,
            **super().facts(data, settings),
        }

    def drawn_features(self, case: Case, draw: Draw, prepared: Any) -> tuple[Rows, Rows]:
        """The rows of the images."""
        rows = np.concatenate([case.train, case.test])
        return rows[draw.train], rows[draw.test]

    def gallery(self, evaluations: Mapping[Candidate, Evaluation], data: Any, prepared: Any) -> Any:
        """Images on which candidates differ, the most divided first."""
        scores = [evaluation.scores.image_scores for evaluation in evaluations.values()]
        test, targets = data.test, self.targets(data.test)
        return answers_table(
            (test.ids[i], self.text(targets[i], data), thumbnail(test.read(i)))
            for i in most_divided(scores, GALLERY_SIZE)
        )


def pooled_evaluation(case: Case, scores: Scores, **others: Any) -> Evaluation:
    """An evaluation of a head on pooled features."""
    return Evaluation(
        scores=scores,
        module=case.module,
        feature_dim=case.train.shape[1],
        num_train=len(case.train),
        num_tiles=case.module.plan.num_tiles,
        **others,
    )


def ridge_predictions(train: Rows, targets: NDArray, test: Rows) -> NDArray[np.float64]:
    """The predictions of `fit_ridge` for test images (num_test, ...)."""
    scores = fit_ridge(train, targets).scores(test)
    return scores.reshape(len(test), *targets.shape[1:])


def fit_ridge(train: Rows, targets: NDArray) -> LinearHead:
    """Ridge regression on centred features, all divided by one number.

    Columns keep their relative variance: a column that hardly varies in training can be far out in
    a test image, and dividing by its own deviation would let it decide the prediction alone. The
    regulariser of each target is the one with the smallest leave-one-out error.

    Args:
        train: features of the training images (num_train, dim).
        targets: numbers, one or several for each image (num_train,) or (num_train, num_outputs).
    """
    from sklearn.linear_model import RidgeCV

    mean = train.mean(axis=0, dtype=np.float64)
    centred = train - mean
    scale = np.sqrt((centred**2).mean()) or 1.0
    ridge = RidgeCV(np.logspace(-2, 6, 17), alpha_per_target=targets.ndim > 1)
    ridge.fit(centred / scale, targets)
    weights = np.atleast_2d(ridge.coef_) / scale
    return LinearHead.of(weights, np.atleast_1d(ridge.intercept_) - weights @ mean)


def _check_predictions(predictions: NDArray, num_test: int) -> None:
    if len(predictions) != num_test:
        raise InputError(
            f"predictions must be one for each of {num_test} test images, but there are "
            f"{len(predictions)}. Correct fit_predict."
        )
    if predictions.dtype.kind == "f" and not np.isfinite(predictions).all():
        raise InputError(
            "predictions must be finite, but some are NaN or infinite. Correct fit_predict."
        )


def _fingerprint(targets: NDArray) -> str:
    words = repr(np.asarray(targets).tolist())
    return blake2b(words.encode(), digest_size=16).hexdigest()
