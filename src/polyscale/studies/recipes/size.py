"""What a recipe takes: counted, nothing is measured or run."""

import math
from dataclasses import dataclass

import psutil

from polyscale.backbones import load
from polyscale.cost import count_tile
from polyscale.data.classes import MIN_DRAWN
from polyscale.errors import InputError
from polyscale.heads.paper import PAPER
from polyscale.studies.recipes.ready import ReadyRecipe
from polyscale.types import Candidate
from polyscale.types.recipe import Checkpoint, Recipe

IMAGENET_TRAIN, IMAGENET_VAL, IMAGENET_CLASSES = 1_281_167, 50_000, 1000

NUM_FITS = 5
"""Of the paper's probe, in passes over all images: once on all and five times on four fifths."""


@dataclass(frozen=True)
class CandidateForecast:
    """One candidate.

    Attributes:
        candidate: a backbone and its scales.
        num_tiles: of one image.
        macs: multiply-adds of one image.
        feature_dim: columns that the probe sees.
    """

    candidate: Candidate
    num_tiles: int
    macs: float
    feature_dim: int


@dataclass(frozen=True)
class RecipeSize:
    """What a recipe takes, without times.

    Attributes:
        num_train: images.
        num_test: images.
        num_classes: of both.
        candidates: one by one; scales that candidates share are computed once.
        tiles: that go through a backbone, over all images.
        macs: multiply-adds of these.
        probe_macs: multiply-adds of the paper's probe, over all candidates.
        feature_bytes: what the cache takes on the disk.
        download_bytes: of weights that are not in a local folder; less what the hub's cache holds.
        memory_bytes: that features and probabilities take at the peak, about.
    """

    num_train: int
    num_test: int
    num_classes: int
    candidates: tuple[CandidateForecast, ...]
    tiles: int
    macs: float
    probe_macs: float
    feature_bytes: int
    download_bytes: int
    memory_bytes: int

    @property
    def num_images(self) -> int:
        """Of both splits."""
        return self.num_train + self.num_test

    def fitting_per_class(self, there_bytes: int) -> int:
        """Images of each class and split that four fifths of this memory would hold."""
        images = 0.8 * there_bytes / self.memory_bytes * self.num_images / self.num_classes
        test = self.num_test / self.num_classes
        # a class may have fewer test images than are asked for
        return int(images - test if images > 2 * test else images / 2)


def size_recipe(
    recipe: Recipe,
    *,
    num_train: int = IMAGENET_TRAIN,
    num_test: int = IMAGENET_VAL,
    num_classes: int = IMAGENET_CLASSES,
    weights_dir: str | None = None,
) -> RecipeSize:
    """Count what a recipe takes on so many images; ImageNet-1k, unless said.

    With local weights the models there are counted, else those of the recipe.
    """
    facts = {c: _tile(c, weights_dir) for c in recipe.checkpoints}
    num = num_train + num_test
    candidates = tuple(
        CandidateForecast(
            candidate=entry.candidate(weights_dir),
            num_tiles=sum(_num_tiles(scale) for scale in entry.scales),
            macs=facts[entry.checkpoint].macs * sum(scale**2 for scale in entry.scales),
            feature_dim=facts[entry.checkpoint].dim * len(entry.scales),
        )
        for entry in recipe.entries
    )
    tiles, macs, columns, most_columns = 0, 0.0, 0, 0
    for checkpoint, tile in facts.items():
        members = [entry.scales for entry in recipe.entries if entry.checkpoint == checkpoint]
        scales = {scale for member in members for scale in member}
        tiles += num * sum(_num_tiles(scale) for scale in scales)
        macs += num * tile.macs * sum(scale**2 for scale in scales)
        columns += tile.dim * len(scales)
        # features of all scales, and once more side by side for the widest candidate
        most_columns = max(most_columns, tile.dim * (len(scales) + max(map(len, members))))
    num_columns = sum(candidate.feature_dim for candidate in candidates)
    return RecipeSize(
        num_train=num_train,
        num_test=num_test,
        num_classes=num_classes,
        candidates=candidates,
        tiles=tiles,
        macs=macs,
        # a step multiplies twice: forwards, and for the gradient of the weights
        probe_macs=2.0 * PAPER.epochs * NUM_FITS * num_train * num_columns * num_classes,
        feature_bytes=4 * num * columns,
        download_bytes=0
        if weights_dir is not None
        else round(1e9 * sum(c.download_gb for c in recipe.checkpoints)),
        # probabilities of every candidate stay, in float64
        memory_bytes=num * (4 * most_columns + 8 * num_classes * len(candidates)),
    )


def size_ready(ready: ReadyRecipe) -> RecipeSize:
    """`size_recipe` for the data and weights that are there."""
    catalogue = ready.catalogue
    assert catalogue.test is not None
    return size_recipe(
        ready.recipe,
        num_train=len(catalogue.train),
        num_test=len(catalogue.test),
        num_classes=len(catalogue.class_names),
        weights_dir=ready.weights_dir,
    )


def check_memory(size: RecipeSize) -> None:
    """Refuse what this machine's memory cannot hold.

    Raises:
        InputError: with the number of images a class that would fit.
    """
    there = psutil.virtual_memory().total
    if size.memory_bytes > there:
        fits = size.fitting_per_class(there)
        advice = f"Try --per-class {fits}." if fits >= MIN_DRAWN else "Take a larger machine."
        raise InputError(
            f"images must fit into memory as features, but {size.num_images} take about "
            f"{size.memory_bytes / 1e9:.1f} GB at the peak, of {there / 1e9:.1f}. {advice}"
        )


@dataclass(frozen=True)
class _Tile:
    """Columns of one scale, and multiply-adds of one tile."""

    dim: int
    macs: float


def _tile(checkpoint: Checkpoint, weights_dir: str | None) -> _Tile:
    if weights_dir is None:
        return _Tile(checkpoint.dim * (1 + checkpoint.has_cls), checkpoint.tile_gmacs * 1e9)
    backbone = load(checkpoint.at(weights_dir), weights=False)
    return _Tile(backbone.dim * (1 + backbone.has_cls), count_tile(backbone).macs)


def _num_tiles(scale: float) -> int:
    return math.ceil(scale) ** 2
