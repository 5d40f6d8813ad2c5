"""What there is to do for a recipe of classification."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from polyscale.data.classes import MIN_DRAWN
from polyscale.data.imagenet import list_imagenet
from polyscale.data.splits import sample
from polyscale.errors import InputError
from polyscale.heads.paper import PAPER
from polyscale.studies.recipes.rates import seconds
from polyscale.studies.recipes.task import Choices, Listed
from polyscale.studies.recipes.work import Counts, Held, Tile
from polyscale.tasks import ClassificationSettings
from polyscale.types.recipe import Recipe

NUM_FITS = 5
"""Of the paper's probe, in passes over all images: once on all and five times on four fifths."""


@dataclass(frozen=True)
class ClassifierWork:
    """Features of every image once; then the paper's probe in memory."""

    counts: Counts
    split: bool = True
    trained_images: int = 0

    @property
    def kept_images(self) -> int:
        """Of both splits."""
        return self.counts.num_train + self.counts.num_test

    def images_read(self, num_checkpoints: int, num_candidates: int) -> int:
        """Each once to look at it, and once for each checkpoint."""
        return self.kept_images * (1 + num_checkpoints)

    def columns(self, tile: Tile, num_scales: int) -> int:
        """The class token, where there is one, and the mean, of each scale."""
        return tile.dim * (1 + tile.has_cls) * num_scales

    def kept_bytes(self, tile: Tile) -> int:
        """In float32."""
        return 4 * self.columns(tile, 1)

    def head_macs(self, tile: Tile, num_scales: int) -> float:
        """A step multiplies twice: forwards, and for the gradient of the weights."""
        fits = 2.0 * PAPER.epochs * NUM_FITS * self.counts.num_train
        return fits * self.columns(tile, num_scales) * self.counts.num_classes

    def memory_bytes(self, held: Sequence[Held], num_candidates: int) -> int:
        """Features of all scales, and once more side by side for the widest candidate."""
        columns = max(self.columns(own.tile, own.num_scales + own.num_joined) for own in held)
        # probabilities of every candidate stay, in float64
        return self.kept_images * (4 * columns + 8 * self.counts.num_classes * num_candidates)

    def head_macs_per_s(self, device: torch.device) -> float | None:
        """Of the probe's steps: gathering rows, gradient, AdamW."""
        rows, dim, classes = np.zeros((2048, 1536), np.float32), 1536, 1000
        chosen = np.random.default_rng(0).integers(len(rows), size=PAPER.batch)
        target = torch.zeros(PAPER.batch, dtype=torch.long, device=device)
        layer = nn.Linear(dim, classes, device="meta").to_empty(device=device)
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
        optimiser = torch.optim.AdamW(layer.parameters(), lr=PAPER.learning_rate)

        def step() -> None:
            optimiser.zero_grad()
            F.cross_entropy(layer(torch.from_numpy(rows[chosen]).to(device)), target).backward()
            optimiser.step()

        return 2 * PAPER.batch * dim * classes / seconds(step, device)

    def fitting_per_class(self, memory_bytes: int, there_bytes: int) -> int:
        """Images of each class and split that four fifths of this memory would hold."""
        num_classes = self.counts.num_classes
        images = 0.8 * there_bytes / memory_bytes * self.kept_images / num_classes
        test = self.counts.num_test / num_classes
        # a class may have fewer test images than are asked for
        return int(images - test if images > 2 * test else images / 2)

    def trial(self, memory_bytes: int) -> str:
        """A sample of each class."""
        return (
            "all but the downloads shrinks with --per-class: 64 GB of memory hold about "
            f"--per-class {self.fitting_per_class(memory_bytes, 64 * 10**9)}"
        )

    def advice(self, memory_bytes: int, there_bytes: int) -> str:
        """A sample that fits."""
        fits = self.fitting_per_class(memory_bytes, there_bytes)
        return f"Try --per-class {fits}." if fits >= MIN_DRAWN else "Take a larger machine."


@dataclass(frozen=True)
class Classification:
    """The study of `compare`."""

    refused: tuple[str, ...] = ("limit", "steps")

    def settings(self, recipe: Recipe, choices: Choices) -> ClassificationSettings:
        """With the paper's probe."""
        return ClassificationSettings(**{**recipe.options, **choices.shared})

    def list(self, recipe: Recipe, path: str, choices: Choices) -> Listed:
        """ImageNet by its names."""
        per_class = choices.per_class
        if per_class is not None and per_class < MIN_DRAWN:
            raise InputError(f"per_class must be at least {MIN_DRAWN}, but got {per_class}.")
        catalogue = list_imagenet(Path(path).expanduser())
        assert catalogue.test is not None
        data, train, test = f"{recipe.data.scheme}:{path}", catalogue.train, catalogue.test
        if per_class is not None:
            data = f"{data}?per_class={per_class}"
            train, test = (sample(split, per_class, seed=choices.seed) for split in (train, test))
        counts = Counts(
            num_train=len(train),
            num_test=len(test),
            num_classes=len(catalogue.class_names),
            image_hw=recipe.data.image_hw,
        )
        return Listed(data, train, counts)

    def work(
        self, recipe: Recipe, settings: ClassificationSettings, counts: Counts
    ) -> ClassifierWork:
        """What there is to do."""
        return ClassifierWork(counts)
