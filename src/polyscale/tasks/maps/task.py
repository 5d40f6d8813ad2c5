"""Tasks with a target for every pixel: trained heads on maps, judged at each image's own size."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from math import prod
from pathlib import Path
from statistics import stdev
from typing import Any

import psutil
from numpy.typing import NDArray

from polyscale.errors import InputError
from polyscale.learning.heads.dense.head_file import save_head
from polyscale.operator.multiscale import MultiScale
from polyscale.tasks.maps.evaluate import (
    MapEvaluation,
    judge_images,
    predict_rasters,
)
from polyscale.tasks.maps.fit import Fitted, fit_head
from polyscale.tasks.maps.gallery import gallery_table
from polyscale.tasks.maps.predictor import DensePredictor, Outputs, count_head
from polyscale.tasks.maps.samples import MapSplit
from polyscale.tasks.maps.settings import GIGABYTE, MapSettings
from polyscale.tasks.task import Case, FinishedRun, Scores, Task, intervals_text
from polyscale.types import Candidate

HEAD_SETTINGS = ("source", "grid", "merge", "split", "views", "margin", "seed")
"""Of a run, that a head's file keeps."""


class MapTask(Task):
    """A task whose heads give scores for every pixel."""

    @abstractmethod
    def head_arguments(self, data: Any) -> dict[str, Any]:
        """What a head must know of the data, besides the channels of its maps."""

    @abstractmethod
    def outputs(self, data: Any) -> Outputs:
        """What scores mean."""

    @abstractmethod
    def head_facts(self, data: Any) -> dict[str, Any]:
        """What the file of a head must keep of the data, so that `file_outputs` can read it."""

    @abstractmethod
    def file_outputs(self, facts: Mapping[str, Any]) -> Outputs:
        """What scores mean, by what the file of a head keeps.

        Raises:
            KeyError: if the file does not say.
        """

    @abstractmethod
    def judge(self, target: NDArray, predicted: NDArray, data: Any) -> Any:
        """One image at its own size (h, w), as `collect` wants it."""

    @abstractmethod
    def collect(self, images: Sequence[Any]) -> Scores:
        """All test images, in their order."""

    @abstractmethod
    def quick_value(self, targets: NDArray, predicted: NDArray, data: Any) -> float:
        """The metric on rasters (num, h, w) of held-out training images."""

    def check_data(self, data: Any) -> None:
        """Refuse data of another task, or with too few images to hold one out."""
        super().check_data(data)
        if len(data.train) < 2:
            raise InputError(
                f"data {data.name} must have at least two train images, as one of them chooses "
                "among candidates, but has one. Add some."
            )

    def check(self, module: MultiScale, candidate: Candidate, data: Any, settings: Any) -> None:
        """Try the head's options, and refuse maps of which not even one batch fits the memory."""
        settings.check_head(module.out_channels, self.head_arguments(data))
        training = settings.training or settings.kind.training
        batch = training.batch if training else 1
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
            "intervals": intervals_text(self),
        }

    def prepare(self, data: Any, settings: Any) -> MapSplit:
        """Views of the images, and which of them are held out."""
        return MapSplit.of(data, settings)

    def evaluate(self, case: Case) -> MapEvaluation:
        """Train a head for each seed; the first one is judged in full."""
        settings: MapSettings = case.settings
        split: MapSplit = case.prepared
        fitted, selection_value = self._fit(case)
        predictor = DensePredictor(
            case.module, fitted[0].head, settings.views, self.outputs(case.data)
        )
        with case.stage("judging"):
            scores = [self._judge(case, own, number) for number, own in enumerate(fitted)]
        image_hw = case.data.test.sizes_hw[0]
        views = len(predictor.views_of(image_hw))
        cost = count_head(fitted[0].head, case.module, image_hw)
        return MapEvaluation(
            scores=scores[0],
            selection_value=selection_value,
            head=fitted[0].head,
            facts={
                **fitted[0].facts,
                "params": cost.params,
                "macs": cost.macs,
                "views": views,
                **_seeds([own.value for own in scores]),
                "grid_hw": list(case.module.plan.grid_hw),
                "chosen_by": f"{self.metric.key} on {settings.held_out:.3g} of the training "
                "images, from which heads don't learn",
            },
            module=predictor,
            feature_dim=case.module.out_channels,
            num_train=len(split.images),
            num_tiles=case.module.plan.num_tiles * views,
            maps=case.test,
        )

    def _fit(self, case: Case) -> tuple[list[Fitted], float]:
        """The heads of all seeds, and the metric of the first on held-out training images."""
        settings, split, data = case.settings, case.prepared, case.data
        targets = split.raster(case.module.backbone.tile_hw, settings)
        fitted = [
            fit_head(
                case,
                targets,
                self.head_arguments(data),
                number=number,
                step=_step(case, f"{settings.head} head", number),
            )
            for number in range(settings.seeds)
        ]
        rasters = predict_rasters(
            fitted[0].head, case.train, targets, split.held, self.outputs(data)
        )
        return fitted, self.quick_value(*rasters, data)

    def _judge(self, case: Case, fitted: Fitted, number: int) -> Scores:
        images = judge_images(
            fitted.head,
            case.test,
            case.prepared.test,
            self.outputs(case.data),
            partial(self.judge, data=case.data),
            step=_step(case, "test images", number),
            progress=case.progress,
        )
        return self.collect(images)

    def gallery(self, evaluations: Any, data: Any, prepared: Any) -> Any:
        """Images, their truth, and every candidate's prediction."""
        return gallery_table(evaluations, prepared.test, self.outputs(data))

    def head_file(self, number: int) -> str:
        """In the folder of the run."""
        return f"heads/{number}.safetensors"

    def write(self, folder: Path, run: FinishedRun) -> None:
        """The head of every candidate, ready for `polyscale predict`."""
        (folder / "heads").mkdir()
        settings = asdict(run.settings)
        for number, row in enumerate(run.rows):
            save_head(
                folder / self.head_file(number),
                run.evaluations[row.candidate].head,
                name=run.settings.head,
                facts={
                    "candidate": row.candidate,
                    "backbone": row.backbone,
                    "scales": list(row.scales),
                    "weights_hash": run.weights_hashes[row.backbone],
                    "metric": row.metric,
                    "value": row.value,
                    "versions": dict(row.versions),
                    "task": self.name,
                    "data": run.data.name,
                    "dtype": run.settings.precision,
                    **{name: settings[name] for name in HEAD_SETTINGS},
                    **self.head_facts(run.data),
                },
            )


def _step(case: Case, what: str, number: int) -> str:
    return f"{case.candidate}: {what}{f', seed {number + 1}' if number else ''}"


def _seeds(values: Sequence[float]) -> dict[str, Any]:
    """What other seeds give; which test images were drawn is no part of their spread."""
    if len(values) < 2:
        return {}
    return {"seed_values": list(values), "seed_std": stdev(values)}
