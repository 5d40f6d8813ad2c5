"""What a recipe takes: counted, nothing is measured or run."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import psutil

from polyscale.backbones import load
from polyscale.cost import count_tile
from polyscale.errors import InputError
from polyscale.plan import Level, plan_levels
from polyscale.plan.tiling import Tiling
from polyscale.studies.recipes.ready import ReadyRecipe
from polyscale.studies.recipes.task import Choices
from polyscale.studies.recipes.tasks import TASKS
from polyscale.studies.recipes.work import Counts, Held, Tile, Work
from polyscale.types import HW, Candidate
from polyscale.types.recipe import Checkpoint, Entry, Recipe


@dataclass(frozen=True)
class CandidateForecast:
    """One candidate.

    Attributes:
        candidate: a backbone and its scales.
        num_tiles: of one image, or of one view of it.
        macs: multiply-adds of these.
        feature_dim: columns, or channels, that its head sees.
    """

    candidate: Candidate
    num_tiles: int
    macs: float
    feature_dim: int


@dataclass(frozen=True)
class RecipeSize:
    """What a recipe takes, without times.

    Attributes:
        counts: of the data.
        work: what there is to do.
        candidates: one by one.
        tiles: that go through a backbone, over all images; those of scales that candidates share
            are computed once, where they are kept.
        macs: multiply-adds of these.
        head_macs: multiply-adds of the heads, over all candidates.
        images_read: that are decoded.
        feature_bytes: what the cache takes on the disk.
        download_bytes: of weights that are not in a local folder; less what the hub's cache holds.
        memory_bytes: that features and what heads say of them take at the peak, about.
    """

    counts: Counts
    work: Work
    candidates: tuple[CandidateForecast, ...]
    tiles: int
    macs: float
    head_macs: float
    images_read: int
    feature_bytes: int
    download_bytes: int
    memory_bytes: int


def size_recipe(
    recipe: Recipe,
    *,
    num_train: int | None = None,
    num_test: int | None = None,
    num_classes: int | None = None,
    weights_dir: str | None = None,
) -> RecipeSize:
    """Count what a recipe takes on so many images; all of its data set, unless said.

    With local weights the models there are counted, else those of the recipe.

    Raises:
        MissingExtraError: if the head needs a package that is not installed.
    """
    data = recipe.data
    counts = Counts(
        num_train=data.num_train if num_train is None else num_train,
        num_test=data.num_test if num_test is None else num_test,
        num_classes=data.num_classes if num_classes is None else num_classes,
        image_hw=data.image_hw,
    )
    task = TASKS[recipe.task]
    work = task.work(recipe, task.settings(recipe, Choices()), counts)
    return _size(recipe, work, counts, weights_dir)


def size_ready(ready: ReadyRecipe) -> RecipeSize:
    """`size_recipe` for the data, weights and settings that are there."""
    recipe, counts = ready.recipe, ready.counts
    work = TASKS[recipe.task].work(recipe, ready.settings, counts)
    return _size(recipe, work, counts, ready.weights_dir)


def check_memory(size: RecipeSize) -> None:
    """Refuse what this machine's memory cannot hold.

    Raises:
        InputError: with what would fit.
    """
    there = psutil.virtual_memory().total
    if size.memory_bytes > there:
        num = size.counts.num_train + size.counts.num_test
        raise InputError(
            f"images must fit into memory as features, but {num} take about "
            f"{size.memory_bytes / 1e9:.1f} GB at the peak, of {there / 1e9:.1f}. "
            f"{size.work.advice(size.memory_bytes, there)}"
        )


@dataclass(frozen=True)
class _Model:
    """A checkpoint on tiles of its size."""

    tile: Tile
    tile_hw: HW
    macs_of_tile: Callable[[HW], float]
    split: bool

    def levels(self, scales: tuple[float, ...]) -> tuple[Level, ...]:
        return plan_levels(Tiling(scales=scales, split=self.split), self.tile_hw)

    def num_tiles(self, scales: tuple[float, ...]) -> int:
        return sum(level.num_tiles for level in self.levels(scales))

    def macs(self, scales: tuple[float, ...]) -> float:
        return sum(
            level.num_tiles * self.macs_of_tile(level.tile_hw) for level in self.levels(scales)
        )


def _size(recipe: Recipe, work: Work, counts: Counts, weights_dir: str | None) -> RecipeSize:
    models = {c: _model(c, weights_dir, work.split) for c in recipe.checkpoints}
    tiles, macs, head_macs, feature_bytes, held = 0, 0.0, 0.0, 0, []
    candidates = tuple(
        _forecast(entry, models[entry.checkpoint], work, weights_dir) for entry in recipe.entries
    )
    for entry, candidate in zip(recipe.entries, candidates, strict=True):
        tiles += work.trained_images * candidate.num_tiles
        macs += work.trained_images * candidate.macs
        head_macs += work.head_macs(models[entry.checkpoint].tile, len(entry.scales))
    for checkpoint, model in models.items():
        members = [entry.scales for entry in recipe.entries if entry.checkpoint == checkpoint]
        scales = tuple(sorted({scale for member in members for scale in member}))
        tiles += work.kept_images * model.num_tiles(scales)
        macs += work.kept_images * model.macs(scales)
        feature_bytes += work.kept_images * work.kept_bytes(model.tile) * len(scales)
        held.append(Held(model.tile, len(scales), max(map(len, members))))
    downloads = recipe.repositories if weights_dir is None else ()
    return RecipeSize(
        counts=counts,
        work=work,
        candidates=candidates,
        tiles=tiles,
        macs=macs,
        head_macs=head_macs,
        images_read=work.images_read(len(models), len(candidates)),
        feature_bytes=feature_bytes,
        download_bytes=round(1e9 * sum(c.download_gb for c in downloads)),
        memory_bytes=work.memory_bytes(held, len(candidates)),
    )


def _forecast(
    entry: Entry, model: _Model, work: Work, weights_dir: str | None
) -> CandidateForecast:
    return CandidateForecast(
        candidate=entry.candidate(weights_dir),
        num_tiles=model.num_tiles(entry.scales),
        macs=model.macs(entry.scales),
        feature_dim=work.columns(model.tile, len(entry.scales)),
    )


def _model(checkpoint: Checkpoint, weights_dir: str | None, split: bool) -> _Model:
    side = checkpoint.tile_px
    if weights_dir is None:
        cells = side // checkpoint.cell_px
        tile = Tile(checkpoint.dim, checkpoint.has_cls, (cells, cells))
        return _Model(tile, (side, side), partial(_stated, checkpoint), split)
    backbone = load(checkpoint.at(weights_dir), weights=False)
    tile = Tile(backbone.dim, backbone.has_cls, backbone.grid_hw)
    found: dict[HW, float] = {}

    def count(tile_hw: HW) -> float:
        if tile_hw not in found:
            found[tile_hw] = count_tile(backbone, tile_hw).macs
        return found[tile_hw]

    return _Model(tile, backbone.tile_hw, count, split)


def _stated(checkpoint: Checkpoint, tile_hw: HW) -> float:
    """Multiply-adds of a tile of a level: smaller ones are those of convolutional models."""
    scale = tile_hw[0] / checkpoint.tile_px
    if scale > 1:
        return 1e9 * dict(checkpoint.large_gmacs)[scale]
    return 1e9 * checkpoint.tile_gmacs * scale**2
