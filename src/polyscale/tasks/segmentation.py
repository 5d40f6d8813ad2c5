"""Segmentation: a class for every pixel, judged by mean IoU."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyscale.data import DenseImages, SegmentationData, load_segmentation
from polyscale.data.colours import colour_labels
from polyscale.learning.heads.dense import SEGMENTATION_HEADS, HeadKind
from polyscale.learning.heads.dense.augment import AugmentSettings
from polyscale.learning.heads.dense.segmentation import predict_labels
from polyscale.records import METRICS, Reduction, write_json
from polyscale.stats import (
    ObjectIous,
    PixelCounts,
    class_iou,
    count_pixels,
    iou_by_size,
    object_ious,
    segmentation_metrics,
    stack_counts,
)
from polyscale.tasks.evaluation import Baseline, FinishedRun, Scores
from polyscale.tasks.groups import ImageGroups
from polyscale.tasks.maps.predictor import Outputs
from polyscale.tasks.maps.samples import READERS
from polyscale.tasks.maps.settings import DEFAULT_CROP_HW, MapSettings
from polyscale.tasks.maps.task import MapTask, nothing_judged
from polyscale.types import HW

MAX_COUNTED = 500
"""Masks of a split that are read to count its classes before a run."""


@dataclass(frozen=True, kw_only=True)
class SegmentationSettings(MapSettings):
    """What a comparison of segmentation depends on besides the data and the candidates."""

    heads: ClassVar[Mapping[str, HeadKind]] = SEGMENTATION_HEADS
    default_augment: ClassVar[AugmentSettings] = AugmentSettings(crop_hw=DEFAULT_CROP_HW)


@dataclass(frozen=True)
class Labels(Outputs):
    """The class with the highest score, int16."""

    def predict(self, scores: Tensor, out_hw: HW) -> NDArray[np.int16]:
        """Indices of classes."""
        if scores.shape[-2:] == out_hw:
            return scores.argmax(dim=1).to("cpu", torch.int16).numpy()
        return predict_labels(scores, out_hw).cpu().numpy()

    def grey(self, predicted: NDArray) -> NDArray:
        """Labels, 16 bits with more than 256 classes."""
        return predicted.astype(np.uint8 if self.num_outputs <= 2**8 else np.uint16)

    def colour(self, predicted: NDArray) -> NDArray:
        """One colour for each class."""
        return colour_labels(predicted, self.num_outputs)

    def legend(self, predicted: NDArray) -> list[tuple[str, tuple[int, ...]]]:
        """The classes that were predicted with their share of the pixels, the largest first."""
        classes, counts = np.unique(predicted, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        colours = self.colour(classes[None])[0]
        return [
            (f"{self.class_names[classes[i]]} {counts[i] / predicted.size:.0%}", tuple(colours[i]))
            for i in order
        ]


class LabelDetails(NamedTuple):
    """What files of segmentation are made from: pixels by class, objects of each test image."""

    counts: PixelCounts
    objects: tuple[ObjectIous, ...]


class Segmentation(MapTask):
    """One confusion over all test images, and the objects of each."""

    name = "segmentation"
    sources = "rooms, pairs:PATH with images/ and masks/, ade20k:PATH, nyu:PATH, hf:NAME or hf:PATH"
    metric = METRICS["miou"]
    other_metrics = (METRICS["pixel_accuracy"], METRICS["mean_accuracy"])
    settings_type = SegmentationSettings
    data_type = SegmentationData
    loader = staticmethod(load_segmentation)
    grouped_by = "class"
    statistics = ("intersection", "union")
    reduction: Reduction | None = "mean_iou"
    judging = MappingProxyType(
        {
            "pixel_accuracy": {"statistics": ("intersection", "truth"), "reduction": "pixel_ratio"},
            "mean_accuracy": {"statistics": ("intersection", "truth"), "reduction": "mean_iou"},
        }
    )

    def head_arguments(self, data: SegmentationData) -> dict[str, Any]:
        """The number of classes."""
        return {"num_classes": len(data.class_names)}

    def head_facts(self, data: SegmentationData) -> dict[str, Any]:
        """The names of the classes."""
        return {"class_names": list(data.class_names)}

    def outputs(self, head_facts: Mapping[str, Any]) -> Labels:
        """Classes by their names."""
        names = tuple(head_facts["class_names"])
        return Labels(len(names), names)

    def judge(
        self, target: NDArray, predicted: NDArray, data: SegmentationData
    ) -> tuple[PixelCounts, ObjectIous]:
        """Pixels by class, and objects."""
        num = len(data.class_names)
        return count_pixels(target, predicted, num), object_ious(target, predicted, num)

    def collect(self, images: Sequence[tuple[PixelCounts, ObjectIous]]) -> Scores:
        """One confusion over all images."""
        counts = stack_counts([image for image, _ in images])
        metrics = segmentation_metrics(counts)
        pixels = {
            "intersection": counts.intersection,
            "union": counts.judged_union,
            "truth": counts.truth,
        }
        truth = counts.truth.sum(axis=1)
        accuracy = _ratio(counts.intersection.sum(axis=1), truth, truth > 0)
        part, whole = (pixels[name] for name in self.statistics)
        by_class = np.ma.masked_invalid(_ratio(part, whole, counts.truth > 0))
        of_images = by_class.mean(axis=1).filled(np.nan)
        return Scores(
            value=metrics.pop(self.metric.key),
            others=metrics,
            statistics=np.concatenate([part, whole], axis=1).astype(np.float64),
            columns={name: counted.tolist() for name, counted in pixels.items()}
            | {"pixel_accuracy": accuracy.tolist()},
            image_scores=accuracy if self.reduction == "pixel_ratio" else of_images,
            details=LabelDetails(counts, tuple(objects for _, objects in images)),
        )

    def judge_rasters(self, targets: NDArray, predicted: NDArray, data: SegmentationData) -> Scores:
        """One confusion over all rasters; 0 where every pixel is ignored."""
        if (targets < 0).all():
            return nothing_judged(0.0, len(targets))
        return super().judge_rasters(targets, predicted, data)

    def floors(self, data: SegmentationData, settings: Any) -> tuple[Baseline, ...]:
        """The most frequent class."""
        about = "Every pixel gets the class of most training pixels."
        return (self.constant_floor("most frequent class", about, data, _most_frequent_class),)

    def data_facts(self, data: SegmentationData) -> dict[str, Any]:
        """With the names of the classes."""
        return super().data_facts(data) | self.head_facts(data)

    def groups(self, images: DenseImages, data: SegmentationData) -> ImageGroups:
        """By class: the images that show it, of at most `MAX_COUNTED`."""
        chosen = np.unique(np.linspace(0, len(images) - 1, MAX_COUNTED).round().astype(np.int64))
        pixels = _count_pixels(images, chosen, len(data.class_names))
        shares = pixels.sum(axis=0) / max(1, pixels.sum())
        names = data.class_names
        return ImageGroups(
            num_counted=len(chosen),
            indices={name: chosen[pixels[:, i] > 0] for i, name in enumerate(names)},
            shares=dict(zip(names, shares.tolist(), strict=True)),
        )

    def own_files(self) -> tuple[str, ...]:
        """Of classes and objects."""
        return ("classes.json", "objects.parquet", "sizes.json")

    def write(self, folder: Path, run: FinishedRun) -> None:
        """IoU by class and by size of object, and every object."""
        details = {name: each.scores.details for name, each in run.evaluations.items()}
        write_json(folder / "classes.json", _classes(run.data, details))
        objects = {name: own.objects for name, own in details.items()}
        sizes = iou_by_size(objects, _pairs(run), seed=run.settings.seed)
        write_json(folder / "sizes.json", sizes.to_dict())
        _write_objects(run.data, details, folder / "objects.parquet")


def _ratio(
    part: NDArray[np.integer], whole: NDArray[np.integer], known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=known)


def _classes(data: SegmentationData, details: Mapping[str, LabelDetails]) -> dict[str, Any]:
    truth = next(iter(details.values())).counts.truth
    return {
        "names": list(data.class_names),
        "train_px": _count_pixels(data.train, range(len(data.train)), len(data.class_names))
        .sum(axis=0)
        .tolist(),
        "test_px": truth.sum(axis=0).tolist(),
        "test_images": (truth > 0).sum(axis=0).tolist(),
        "iou": {
            name: [None if np.isnan(v) else v for v in class_iou(each.counts).tolist()]
            for name, each in details.items()
        },
    }


def _count_pixels(
    images: DenseImages, chosen: Sequence[int] | NDArray[np.int64], num_classes: int
) -> NDArray[np.int64]:
    """Pixels of each class in each of the chosen images (num_chosen, num_classes)."""

    def count(index: int) -> NDArray[np.int64]:
        return np.bincount(images.target(int(index)).ravel() + 1, minlength=num_classes + 1)[1:]

    with ThreadPoolExecutor(READERS) as readers:
        return np.stack(list(readers.map(count, chosen)))


def _pairs(run: FinishedRun) -> list[tuple[str, str]]:
    """Several scales against one of the same backbone; and what verdicts rest on."""
    single = {r.backbone: r.candidate for r in run.rows if r.scales == (1,)}
    pairs = [
        (r.candidate, single[r.backbone])
        for r in run.rows
        if len(r.scales) > 1 and r.backbone in single
    ]
    pairs += [(v.s2.candidate, v.larger.candidate) for v in run.verdicts]
    return list(dict.fromkeys(pairs))


def _write_objects(data: SegmentationData, details: Mapping[str, LabelDetails], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names, ids = np.array(data.class_names), np.array(data.test.ids, dtype=object)
    tables = []
    for candidate, each in details.items():
        counts = [len(objects) for objects in each.objects]
        classes = np.concatenate([o.class_index for o in each.objects]).astype(int)
        columns = {
            "candidate": [candidate] * sum(counts),
            "id": np.repeat(ids, counts).tolist(),
            "class": names[classes],
            "area_px": np.concatenate([o.area_px for o in each.objects]),
            "iou": np.concatenate([o.iou for o in each.objects]).astype(np.float32),
        }
        tables.append(pa.table(columns))
    pq.write_table(pa.concat_tables(tables), path)


def _most_frequent_class(
    images: DenseImages, chosen: NDArray[np.int64], data: SegmentationData
) -> int:
    return int(_count_pixels(images, chosen, len(data.class_names)).sum(axis=0).argmax())
