"""Tasks with a target for every pixel: trained heads on maps, judged at each image's own size."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from polyscale.data import DenseImages, Draw, draw_kind
from polyscale.data.colours import overlay
from polyscale.errors import InputError
from polyscale.features import StackedMaps
from polyscale.learning.heads.dense.fits import Fitted
from polyscale.learning.heads.dense.pixels import IMAGES
from polyscale.learning.heads.dense.train import ChosenRows, Targets
from polyscale.learning.heads.dense.views import ViewSettings, views_of
from polyscale.operator.multiscale import MultiScale
from polyscale.tasks.evaluation import (
    Baseline,
    Case,
    Evaluation,
    SavedHead,
    Scores,
    spread_of_seeds,
)
from polyscale.tasks.maps.evaluate import predict_image, predict_rasters
from polyscale.tasks.maps.fit import fit_head
from polyscale.tasks.maps.gallery import gallery_table
from polyscale.tasks.maps.grid import PROBE, best_trial, try_grids
from polyscale.tasks.maps.predictor import DensePredictor, Outputs, count_scores
from polyscale.tasks.maps.samples import READERS, MapSplit, Samples, nearest
from polyscale.tasks.maps.settings import GIGABYTE, MapSettings
from polyscale.tasks.task import Task
from polyscale.types import Candidate

MAX_FLOOR_IMAGES = 1000
"""Training images of which the answer for every pixel is learned."""

REPORT_EVERY = 8
"""Test images between two reports of progress."""


class MapTask(Task):
    """A task whose heads give scores for every pixel."""

    @abstractmethod
    def head_arguments(self, data: Any) -> dict[str, Any]:
        """What a head must know of the data, besides the channels of its maps."""

    @abstractmethod
    def outputs(self, head_facts: Mapping[str, Any]) -> Outputs:
        """What the scores of a head mean; a KeyError where the facts do not say."""

    @abstractmethod
    def judge(self, target: NDArray, predicted: NDArray, data: Any) -> Any:
        """One image at its own size (h, w), as `collect` wants it."""

    @abstractmethod
    def collect(self, images: Sequence[Any]) -> Scores:
        """All test images, in their order."""

    def judge_rasters(self, targets: NDArray, predicted: NDArray, data: Any) -> Scores:
        """Rasters (num, h, w) of held-out training images."""
        pairs = zip(targets, predicted, strict=True)
        return self.collect([self.judge(target, each, data) for target, each in pairs])

    def constant_floor(
        self,
        name: str,
        about: str,
        data: Any,
        choose: Callable[[DenseImages, NDArray[np.int64], Any], float],
    ) -> Baseline:
        """One answer for every pixel of every test image.

        Args:
            name: of the floor.
            about: what the answer is, as a sentence.
            data: the data set.
            choose: training images, which of them to look at, data → the answer.
        """
        num = len(data.train)
        chosen = np.linspace(0, num - 1, min(num, MAX_FLOOR_IMAGES)).astype(np.int64)
        constant = choose(data.train, chosen, data)

        def judge(index: int) -> Any:
            target = data.test.target(index)
            return self.judge(target, np.full(target.shape, constant), data)

        with ThreadPoolExecutor(READERS) as readers:
            scores = self.collect(list(readers.map(judge, range(len(data.test)))))
        return Baseline(name=name, about=about, scores=scores)

    def target_text(self, target: NDArray, data: Any) -> str:
        """What is to be said of the target (h, w) of an image; nothing where a legend says all."""
        return ""

    def draw(
        self, images: DenseImages, index: int, data: Any, side_px: int
    ) -> tuple[Image.Image, str]:
        """An image under the colours of its target."""
        picture, _ = super().draw(images, index, data, side_px)
        target = images.target(index)
        small = nearest(target, (picture.height, picture.width))
        known = np.isfinite(small) & (small >= 0)
        if known.any():
            colours = self.outputs(self.head_facts(data)).colour(small)
            picture = overlay(picture, colours, known)
        return picture, self.target_text(target, data)

    def check_data(self, data: Any) -> None:
        """Raise an InputError also for too few images to hold one out."""
        super().check_data(data)
        if len(data.train) < 2:
            raise InputError(
                f"data {data.name} must have at least two train images, as one of them chooses "
                "among candidates, but has one. Add some."
            )

    def check(self, module: MultiScale, candidate: Candidate, data: Any, settings: Any) -> None:
        """Raise an InputError for wrong options of the head, or maps too large for the memory.

        Also for repeats that need maps of mirrored training images, which are never computed.
        """
        if settings.repeats and settings.views.flip and draw_kind(data) == "split":
            raise InputError(
                "repeats must be 0 where test images are mirrored and polyscale draws the split, "
                f"but got {settings.repeats}: training images become test images, and only test "
                "images have maps of their mirror images. Leave flip or repeats out."
            )
        settings.check_head(module.out_channels, self.head_arguments(data))
        training = None if settings.is_fitted else settings.training or settings.kind.training
        batch = training.batch if training else IMAGES
        shape = (*module.plan.grid_hw, module.out_channels)
        needed, there = 4 * batch * prod(shape), psutil.virtual_memory().total
        if needed > there:
            raise InputError(
                f"grid must be such that a batch of maps fits into memory, but {batch} of "
                f"{'×'.join(map(str, shape))} of {candidate} take {needed / GIGABYTE:.0f} GB, of "
                f"{there / GIGABYTE:.0f}. Take a coarser grid, fewer scales or a smaller batch."
            )

    def facts(self, data: Any, settings: Any) -> dict[str, Any]:
        """The targets, and how images are judged."""
        return {
            "train_targets": data.train.target_fingerprint,
            "test_targets": data.test.target_fingerprint,
            "features": "per scale: the map on the output grid, kept in float16",
            "judged": "test images at their own size; scores are resized to it bilinearly",
            **super().facts(data, settings),
        }

    def prepare(self, data: Any, settings: Any) -> MapSplit:
        """Views of the images, and which of them are held out."""
        return MapSplit.of(data, settings)

    def drawn_features(
        self, case: Case, draw: Draw, prepared: MapSplit
    ) -> tuple[ChosenRows, ChosenRows]:
        """The maps of the samples."""
        maps = StackedMaps(case.train, case.test)
        train, test = case.prepared.places(draw, prepared)
        return ChosenRows(maps, train), ChosenRows(maps, test)

    def evaluate(self, case: Case) -> Evaluation:
        """Choose the grid, train a head for each seed; the first one is judged in full."""
        settings: MapSettings = case.settings
        split: MapSplit = case.prepared
        outputs = self.outputs(self.head_facts(case.data))
        targets = split.raster(case.module.backbone.tile_hw, settings)
        arguments = self.head_arguments(case.data)

        def held_out(case: Case, head: nn.Module) -> Scores:
            rasters = predict_rasters(head, case.train, targets, split.held, outputs)
            return self.judge_rasters(*rasters, case.data)

        trials, first = [], None
        if settings.chooses_grid:
            trials = try_grids(case, targets, arguments, held_out)
            best = best_trial(trials, higher_is_better=self.metric.higher_is_better)
            case = replace(best.case, settings=settings)
            first = best.fitted if settings.head == PROBE else None
        trainings = self._train(case, targets, arguments, first)
        head, facts = trainings[0]
        selection = held_out(case, head)
        train_value = None
        if len(some := split.learn[: len(split.held)]):  # none are kept where images are altered
            seen = predict_rasters(head, case.train, targets, some, outputs)
            train_value = self.judge_rasters(*seen, case.data).value
        with case.stage("judging"):
            scores = [self._judge(case, own.head, outputs, i) for i, own in enumerate(trainings)]
        image_hw, plan = case.data.test.sizes_hw[0], case.module.plan
        num_views = len(views_of(image_hw, settings.views))
        cost = count_scores(head, case.module.out_channels, plan.grid_hw, image_hw)
        return Evaluation(
            scores=scores[0],
            selection=selection,
            train_value=train_value,
            head=head,
            facts={
                **facts,
                "params": cost.params,
                "macs": cost.macs,
                "views": num_views,
                **spread_of_seeds([each.value for each in scores]),
                "grid_hw": list(plan.grid_hw),
                **({"grids": [trial.facts() for trial in trials]} if trials else {}),
                "chosen_by": f"{self.metric.key} on {settings.held_out:.3g} of the training "
                "images, from which heads don't learn",
            },
            module=DensePredictor(case.module, head, settings.views, outputs),
            feature_dim=case.module.out_channels,
            num_train=len(split.images),
            num_tiles=plan.num_tiles * num_views,
            test=case.test,
            saved=SavedHead(name=settings.head, head=head, facts={"grid": list(plan.grid_hw)}),
        )

    def _train(
        self, case: Case, targets: Targets, arguments: dict[str, Any], first: Fitted | None
    ) -> list[Fitted]:
        """A head for each seed; the first one may be there already."""
        settings = case.settings

        def train(number: int) -> Fitted:
            step = _step(case, f"{settings.head} head", number)
            return fit_head(case, targets, arguments, seed=settings.seed + number, step=step)

        known = [first] if first else []
        return known + [train(number) for number in range(len(known), settings.seeds)]

    def _judge(self, case: Case, head: nn.Module, outputs: Outputs, number: int) -> Scores:
        """Every test image at its own size."""
        samples: Samples = case.prepared.test

        def judge(index: int) -> Any:
            predicted = predict_image(head, case.test, samples, index, outputs)
            return self.judge(samples.images.target(index), predicted, case.data)

        step, num, judged = _step(case, "test images", number), len(samples.images), []
        with ThreadPoolExecutor(READERS) as workers:
            for done, image in enumerate(workers.map(judge, range(num))):
                if done % REPORT_EVERY == 0:
                    case.progress(step, done, num, "images")
                judged.append(image)
        case.progress(step, num, num, "images")
        return self.collect(judged)

    def gallery(self, evaluations: Any, data: Any, prepared: Any) -> Any:
        """Images, their truth, and every candidate's prediction."""
        return gallery_table(evaluations, prepared.test, self.outputs(self.head_facts(data)))

    def check_head(self, head: nn.Module, facts: Mapping[str, Any]) -> None:
        """Raise an InputError for a head without a name for each of its classes."""
        outputs, config = self.outputs(facts), getattr(head, "config", {})
        num_classes = config.get("num_classes", 0)
        if len(outputs.class_names) != num_classes:
            raise InputError(
                f"head must have a name for each of its {num_classes} classes, but has "
                f"{len(outputs.class_names)}. Train it with polyscale compare."
            )

    def predictor(
        self, module: MultiScale, head: nn.Module, facts: Mapping[str, Any]
    ) -> DensePredictor:
        """A picture → the prediction of every pixel."""
        views = ViewSettings(**facts["views"])
        return DensePredictor(module, head, views, self.outputs(facts))


def nothing_judged(value: float, num_images: int) -> Scores:
    """The scores of images of which no pixel is known, with a value that stands for the metric."""
    unknown = np.full(num_images, np.nan)
    return Scores(value=value, columns={}, image_scores=unknown, statistics=np.zeros((0, 1)))


def _step(case: Case, what: str, number: int) -> str:
    return f"{case.candidate}: {what}{f', seed {number + 1}' if number else ''}"
