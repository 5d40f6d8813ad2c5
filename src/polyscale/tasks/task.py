"""What a comparison asks of a task. To write one of your own, begin with `PooledTask`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import copy
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from typing_extensions import Self

from polyscale.checks import check_choice
from polyscale.data import Draw
from polyscale.errors import InputError
from polyscale.operator.multiscale import MultiScale
from polyscale.records import Contrast, Metric, Reduction, TaskRecord
from polyscale.stats import (
    REDUCTIONS,
    accuracy_intervals,
    image_contrasts,
    image_intervals,
    paired_contrasts,
    training_contrasts,
    training_intervals,
    weighted_contrasts,
    weighted_intervals,
)
from polyscale.tasks.evaluation import Baseline, Case, Evaluation, FinishedRun, Scores
from polyscale.tasks.groups import ImageGroups, small_picture
from polyscale.tasks.settings import RunSettings
from polyscale.types import Candidate, Progress

AddOn = Literal["cascades", "probes", "controls", "repeats", "floors", "hard"]
"""What the run loop does besides, where a task asks for it; each writes a JSON file."""

CLASS_SOURCES = (
    "rooms (embedded), folder:PATH with one folder for each class, csv:PATH, imagenet:PATH, "
    "fashion-mnist (Debian's package), idx:PATH in MNIST's format, hf:NAME or hf:PATH"
)
"""What `load_classification` takes, as help lists it."""

JUDGED_WITH: Mapping[str, Any] = {"statistics": (), "reduction": "mean", "right_or_wrong": False}
"""Attributes of a task that belong to its metric, as they are where nothing else is said."""


class Task(ABC):
    """A kind of target: how heads learn it, and how they are judged.

    `name`, `metric`, `settings_type`, `evaluate` and `gallery` have no default here. `PooledTask`
    and `MapTask` have more defaults, for features of whole images and of their places.

    Attributes:
        metric: what candidates are judged by, unless a user chooses one of `other_metrics`, which
            are otherwise shown beside it.
        judging: key of another metric → the `statistics`, `reduction` and `right_or_wrong` with
            which the task is judged by it; those that are left out say that it is the mean of the
            column that is named like it.
        shown_only: keys of other metrics by which nothing can be judged.
        sources: what the loader takes, as help lists it.
        loader: what `load` calls, a static method such as `load_classification`.
        right_or_wrong: whether each image is either right or wrong, so that exact tests apply.
        statistics: columns of the file of images that a bootstrap averages over images; without
            any, the one that is named like the metric.
        over_trainings: whether scores are those of several trainings, which intervals cover.
        reduction: how their means become the metric; None is what `reduce` or `Scores.weighted`
            says, and runs of the task cannot be merged.
        grouped_by: what `groups` are, in one word: "class", "label", "range".
        train_samples: what heads learn from, in words.
        samples: what is tested, in words.
        chosen_on: what candidates are chosen on, in words.
        held_out: whether heads have not seen what is tested. Otherwise the values say how well they
            learn, and nothing is recommended.
        blind: how a head is trained that sees nothing, as a sentence; candidates are then compared
            with it. Empty where `floors` say what can be had without images.
        images_file: the file with one row for each candidate and test image.
    """

    name: ClassVar[str]
    metric: Metric
    other_metrics: tuple[Metric, ...] = ()
    settings_type: ClassVar[type[RunSettings]]
    data_type: ClassVar[type] = object
    sources: ClassVar[str] = ""
    loader: ClassVar[Callable[..., Any] | None] = None
    judging: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    shown_only: ClassVar[tuple[str, ...]] = ()
    right_or_wrong: bool = False
    statistics: tuple[str, ...] = ()
    over_trainings: bool = False
    reduction: Reduction | None = "mean"
    grouped_by: ClassVar[str] = ""
    train_samples: ClassVar[str] = "training images"
    samples: ClassVar[str] = "test images"
    chosen_on: str = "training images"
    held_out: ClassVar[bool] = True
    blind: ClassVar[str] = ""
    images_file: ClassVar[str] = "images.parquet"

    @property
    def metric_keys(self) -> tuple[str, ...]:
        """The metrics by which candidates can be judged; they are judged by the first."""
        keys = (self.metric.key, *(metric.key for metric in self.other_metrics))
        return tuple(key for key in keys if key not in self.shown_only)

    def judged_by(self, key: str | None) -> Self:
        """The same task, judged by another of its metrics; None leaves it as it is.

        Raises:
            InputError: if the task has no such metric.
        """
        if key is None or key == self.metric.key:
            return self
        check_choice("metric", key, self.metric_keys)
        known = {metric.key: metric for metric in (self.metric, *self.other_metrics)}
        own = {name: getattr(self, name) for name in JUDGED_WITH}
        task = copy(self)
        task.metric = known.pop(key)
        task.other_metrics = tuple(known.values())
        task.judging = {**self.judging, self.metric.key: own}
        for name, value in {**JUDGED_WITH, **self.judging.get(key, {})}.items():
            setattr(task, name, value)
        return task

    def load(self, source: str, *, seed: int, cache: str | Path | None, progress: Progress) -> Any:
        """Load the data that a user names, for example `folder:PATH`.

        Args:
            source: what the user names.
            seed: of the split, where the data have none.
            cache: folder for what is known of images between runs; None keeps nothing.
            progress: told what is being done.

        Raises:
            InputError: if there are no such data.
        """
        if self.loader is None:
            raise InputError(
                f"data must be a data set that is already loaded for task {self.name}, but got "
                f"{source!r}. Load it in Python and give it to polyscale.compare."
            )
        return self.loader(source, seed=seed, cache=cache, progress=progress)

    def arrange(self, data: Any) -> Any:
        """The data as the task uses them, after `check_data`."""
        return data

    def for_data(self, data: Any, settings: Any) -> Self:
        """The task as it is judged with these data, after `arrange`, and these settings."""
        return self

    def check_data(self, data: Any) -> None:
        """Raise an InputError for data of another task."""
        if not isinstance(data, self.data_type):
            load = getattr(self.loader, "__name__", "its own loader")
            raise InputError(
                f"data must be loaded for {self.name}, but {getattr(data, 'name', data)!r} is not. "
                f"Load it with {load}, or name the task that it is for."
            )

    def check(  # noqa: B027 - everything may fit
        self, module: MultiScale, candidate: Candidate, data: Any, settings: Any
    ) -> None:
        """Raise an InputError, before any model runs, for settings that do not fit the others."""

    def facts(self, data: Any, settings: Any) -> dict[str, Any]:
        """What else the numbers depend on, as every row of results keeps it."""
        return {"intervals": self.about_intervals}

    def prepare(self, data: Any, settings: Any) -> Any:
        """What is shared by all candidates; its `train` and `test` are the images to extract."""
        return data

    def floors(self, data: Any, settings: Any) -> tuple[Baseline, ...]:
        """What can be answered without looking at an image; candidates must do better."""
        return ()

    def ceilings(self, case: Case) -> tuple[Baseline, ...]:
        """What heads reach that are told what others must see; `kind` of each is "ceiling".

        Args:
            case: of a model that sees nothing, as where `blind` is not empty.
        """
        return ()

    @abstractmethod
    def evaluate(self, case: Case) -> Evaluation:
        """Train a head on the training features, and judge it on the test images."""

    def reduce(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Means of the statistics (resamples, num_statistics) → the metric (resamples,)."""
        assert self.reduction is not None, f"{type(self).__name__}.reduce must be written"
        return REDUCTIONS[self.reduction](means)

    @property
    def averaged(self) -> tuple[str, ...]:
        """Columns of the file of images that a bootstrap averages over images."""
        mean = self.reduction == "mean" and not self.right_or_wrong
        return self.statistics or ((self.metric.key,) if mean else ())

    def intervals(
        self, scores: Mapping[str, Scores], *, seed: int
    ) -> dict[str, tuple[float, float]]:
        """95 % interval of the metric of each candidate."""
        kind, values, num_images = _resampled(scores)
        if kind == "correct":
            return accuracy_intervals(values)
        if kind == "trainings":
            intervals = training_intervals(values, seed=seed)
        elif kind == "statistics":
            intervals = image_intervals(values, self.reduce, seed=seed)
        else:
            intervals = weighted_intervals(values, num_images, seed=seed)
        if self.metric.unit != "%":
            return intervals
        # weights add up to 1 only within rounding, and so may a resample of right answers
        return {name: (max(0.0, low), min(1.0, high)) for name, (low, high) in intervals.items()}

    def contrasts(
        self, scores: Mapping[str, Scores], *, margin: float, seed: int
    ) -> list[Contrast]:
        """Every pair of candidates: their difference, its intervals and its tests."""
        kind, values, num_images = _resampled(scores)
        if kind == "correct":
            return paired_contrasts(values, metric=self.metric.key, margin=margin)
        options: dict[str, Any] = {"metric": self.metric, "margin": margin, "seed": seed}
        if kind == "trainings":
            return training_contrasts(values, **options)
        if kind == "statistics":
            return image_contrasts(values, self.reduce, **options)
        return weighted_contrasts(values, num_images, **options)

    @property
    def about_intervals(self) -> str:
        """Where intervals come from, in words."""
        if self.over_trainings:
            return (
                "95 %: Student's t over trainings and a bootstrap over test images together, "
                "paired for differences"
            )
        if self.right_or_wrong:
            return "95 %: Wilson's of a share, Tango's of a difference between paired shares"
        return (
            "95 %: percentiles of a bootstrap over test images, paired for differences, "
            "10 000 resamples"
        )

    def drawn_features(self, case: Case, draw: Draw, prepared: Any) -> tuple[Any, Any]:
        """Features of the training and test images of a draw, from those that are there.

        It must be written where the task's settings are `DrawnSettings`.

        Args:
            case: a candidate with the features of the run.
            draw: other training and test images of the same data.
            prepared: what `prepare` returned for the draw.
        """
        raise NotImplementedError(f"{type(self).__name__}.drawn_features")

    def addons(self, settings: Any) -> tuple[AddOn, ...]:
        """What else the run loop should do."""
        wanted: dict[AddOn, Any] = {
            "repeats": getattr(settings, "repeats", 0),
            "floors": settings.floors,
        }
        return tuple(name for name, value in wanted.items() if value)

    def record(self) -> TaskRecord:
        """How a report reads runs of this task: `task.json`."""
        return TaskRecord(
            task=self.name,
            metric=self.metric,
            scores=self.other_metrics,
            images_file=self.images_file,
            right_or_wrong=self.right_or_wrong,
            statistics=self.averaged,
            reduction=self.reduction,
            train_samples=self.train_samples,
            samples=self.samples,
            chosen_on=self.chosen_on,
            held_out=self.held_out,
        )

    def data_facts(self, data: Any) -> dict[str, Any]:
        """What the task knows of its data: fields of `DataRecord`."""
        return {
            "name": data.name,
            "about": data.about,
            "num_train": len(data.train),
            "num_test": len(data.test),
            "samples": (self.train_samples, self.samples),
            "report": data.report,
            "num_unlimited": getattr(data, "num_unlimited", None),
        }

    def groups(self, images: Any, data: Any) -> ImageGroups:
        """The images of a split by class or the like, which `grouped_by` names."""
        return ImageGroups(num_counted=len(images))

    def draw(self, images: Any, index: int, data: Any, side_px: int) -> tuple[Image.Image, str]:
        """An image with its target drawn over it, `side_px` at most, and the target in words."""
        return small_picture(images.read(index, min_side=side_px), side_px), ""

    @abstractmethod
    def gallery(self, evaluations: Mapping[Candidate, Evaluation], data: Any, prepared: Any) -> Any:
        """A pyarrow table of test images on which candidates differ: `gallery.parquet`."""

    def head_facts(self, data: Any) -> dict[str, Any]:
        """What the file of a head must keep of the data, so that predictions can be read."""
        return {}

    def check_head(  # noqa: B027 - nothing to check
        self, head: nn.Module, facts: Mapping[str, Any]
    ) -> None:
        """Raise an InputError for the file of a head whose facts do not fit it.

        A KeyError or TypeError says that they are not those of a run.
        """

    def predictor(self, module: MultiScale, head: nn.Module, facts: Mapping[str, Any]) -> Any:
        """Backbone, scales and a head from a file as one.

        Args:
            module: backbone and scales.
            head: what was trained on their features.
            facts: of its file, checked by `check_head`.

        Raises:
            InputError: if the task cannot predict.
        """
        raise InputError(f"head must be one that can predict, but task {self.name} has none.")

    def own_files(self) -> tuple[str, ...]:
        """Names of the files that `write` adds to the folder of a run, heads aside."""
        return ()

    def write(self, folder: Path, run: FinishedRun) -> None:  # noqa: B027 - nothing to add
        """Write what the task adds to the folder of a run."""


def _resampled(scores: Mapping[str, Scores]) -> tuple[str, dict[str, Any], int]:
    """The field of scores that is resampled, its value for each candidate, and images judged."""
    for kind in ("trainings", "correct", "statistics", "weighted"):
        values = {name: getattr(each, kind) for name, each in scores.items()}
        if all(value is not None for value in values.values()):
            return kind, values, next(iter(scores.values())).num_judged
    raise AssertionError("all scores must have a field in common that can be resampled")
