"""Recipes of Table 3: what a linear layer learns of its images from base and large models."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from polyscale.data.published import PaperRow, load_paper
from polyscale.studies.recipes.recipe import Checkpoint, Entry
from polyscale.studies.recipes.size import STEP_PASSES, count_tiles
from polyscale.studies.recipes.table import CHECKPOINTS
from polyscale.tasks import CapacitySettings

PER_CLASS = 10
"""Images of each class of ImageNet-1k."""

NUM_CLASSES = 1000

METRICS = {"instance memorisation": "memorisation", "training": "training_loss"}
"""The loss as the paper's table names it → the metric of the task."""

FINDING = (
    "a base model at several scales learns its images by heart as well as a large model, and its "
    "training loss is as low or lower."
)

STATED = (
    "instance memorisation: every image of the data set is a class of its own (ViT)",
    "training loss on ImageNet-1k (DINOv2, OpenCLIP)",
)

CHOSEN = (
    f"{PER_CLASS} images of each class (the paper does not say how many); --per-class takes "
    "others. The loss by heart grows with the number of images, so that figures can be compared "
    "with each other, not with the paper's",
    "a linear layer on frozen, standardised features, AdamW without weight decay, "
    f"{CapacitySettings.epochs} epochs in batches of {CapacitySettings.batch}, the best learning "
    "rate of each candidate; the paper states no optimiser, and may have trained whole models",
    "scales 1 and 2, as the paper's table does not name them; base source, so that larger scales "
    "show no detail that the larger model does not see",
)


@dataclass(frozen=True, kw_only=True)
class ImageNetCapacityRecipe:
    """A block of Table 3.

    Attributes:
        name: its name on the command line.
        metric: the loss that the paper prints.
        entries: base, larger, and base at several scales, with the paper's figures.
    """

    name: str
    metric: str
    entries: tuple[Entry, ...]

    place = "Table 3"
    finding, stated, chosen = FINDING, STATED, CHOSEN

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Each once."""
        return tuple(dict.fromkeys(entry.checkpoint for entry in self.entries))

    @property
    def repositories(self) -> tuple[Checkpoint, ...]:
        """As `checkpoints`: none is used on tiles of two sizes."""
        return self.checkpoints

    def settings(self, **changes: Any) -> CapacitySettings:
        """The settings of the comparison."""
        return CapacitySettings(source="base", metric=self.metric, **changes)

    def macs(self, num_images: int) -> tuple[float, float]:
        """Multiply-adds of models for so many images, and of one training of every layer."""
        models = heads = 0.0
        for entry in self.entries:
            dim = entry.checkpoint.dim * (1 + entry.checkpoint.has_cls) * len(entry.scales)
            steps = STEP_PASSES * CapacitySettings.epochs * num_images
            heads += float(steps) * dim * (num_images + NUM_CLASSES)
        scales: dict[Checkpoint, set[float]] = {}
        for entry in self.entries:
            scales.setdefault(entry.checkpoint, set()).update(entry.scales)
        for checkpoint, own in scales.items():
            models += num_images * count_tiles(checkpoint, tuple(sorted(own)))[1]
        return models, heads


def _recipes() -> Iterator[ImageNetCapacityRecipe]:
    for name, family, large in (
        ("capacity-vit", "ViT", "ViT-L/16"),
        ("capacity-dinov2", "DINOv2", "ViT-L/14"),
        ("capacity-openclip", "OpenCLIP", "ViT-L/14"),
    ):
        rows = [row for row in load_paper("capacity") if row.family == family]
        base = "ViT-B/14" if family == "DINOv2" else "ViT-B/16"
        small, larger = (CHECKPOINTS[family, model, 224] for model in (base, large))
        yield ImageNetCapacityRecipe(
            name=name,
            metric=METRICS[rows[0].task],
            entries=tuple(_entries(rows, small, larger)),
        )


def _entries(rows: list[PaperRow], small: Checkpoint, larger: Checkpoint) -> Iterator[Entry]:
    for row in rows:
        checkpoint = larger if row.model.startswith("ViT-L") else small
        scales = (1, 2) if row.method == "s2" else (1,)
        yield Entry(checkpoint=checkpoint, scales=scales, published=row.value)


CAPACITIES: Mapping[str, ImageNetCapacityRecipe] = {recipe.name: recipe for recipe in _recipes()}
"""Every recipe of capacity by its name."""
