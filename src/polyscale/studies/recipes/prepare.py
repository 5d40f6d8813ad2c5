"""A recipe and the user's choices → data, settings and a plan. Other studies are called only here.

No model runs here, and no image is decoded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from polyscale.data.dataset import MIN_DRAWN
from polyscale.data.imagenet import list_imagenet
from polyscale.data.listing import Listing, sample
from polyscale.data.options import to_path
from polyscale.data.sources import list_dense
from polyscale.errors import InputError
from polyscale.learning.heads.dense.registry import HeadKind
from polyscale.studies.compare import ComparePlan, plan_compare
from polyscale.studies.recipes.recipe import Recipe
from polyscale.studies.recipes.table import get_recipe
from polyscale.studies.recipes.weights import check_folders
from polyscale.tasks import MapSettings, RunSettings, get_task
from polyscale.tasks.maps.predictor import count_scores
from polyscale.types import HW, Candidate, Progress, silent

MIN_LIMIT = 2
"""Training images of a dense task: one to learn from, and one that is held out."""

NUM_SIZES = 16
"""Test images whose height and width are read."""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the user chooses about a run; None takes what the recipe has.

    Attributes:
        per_class: number of images to draw from each class of each split; ImageNet only.
        limit: number of images to draw from each split; ADE20K and NYUv2 only.
        steps: training steps per head; ADE20K and NYUv2 only.
        dtype: precision of the backbones: "fp32", "bf16", "fp16" or "auto".
        seed: random seed of samples, heads and resampling.
        device: where models run, for example "cuda".
    """

    per_class: int | None = None
    limit: int | None = None
    steps: int | None = None
    dtype: str | None = None
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True, kw_only=True)
class PreparedRecipe:
    """A recipe together with the user's data, weights and choices.

    Attributes:
        recipe: the recipe, with the numbers of the user's images.
        weights_dir: folder of local weights, or None for the hub.
        data: the data set, as `plan_compare` takes it.
        images: the files of the training split.
        settings: settings of the comparison.
    """

    recipe: Recipe
    weights_dir: str | None
    data: str
    images: Listing
    settings: RunSettings

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The candidates, in the order of the recipe's entries."""
        return tuple(entry.candidate(self.weights_dir) for entry in self.recipe.entries)

    def plan(self, *, image_cache: Path | None = None, progress: Progress = silent) -> ComparePlan:
        """Read and check all images; see `plan_compare`."""
        return plan_compare(
            self.data,
            self.candidates,
            self.settings,
            task=self.recipe.task,
            image_cache=image_cache,
            progress=progress,
        )


def prepare_recipe(
    name: str,
    data: str,
    *,
    weights_dir: Path | None = None,
    choices: Choices | None = None,
) -> PreparedRecipe:
    """Find the data and the weights of a recipe, within seconds.

    Args:
        name: name of the recipe.
        data: `imagenet:PATH`, `ade20k:PATH` or `nyu:PATH`.
        weights_dir: folder with one folder for each checkpoint, named like the repository on the
            hub without its owner; None takes the weights from the hub.
        choices: everything else that the user chooses.

    Raises:
        InputError: if there is no such recipe, its task has no use for a choice, the data are not
            laid out as expected, or weights are missing from `weights_dir`.
        MissingExtraError: if a package is not installed.
    """
    recipe, choices = get_recipe(name), choices or Choices()
    classifies = recipe.task == "classification"
    _refuse(recipe, choices, ("limit", "steps") if classifies else ("per_class",))
    folder = None if weights_dir is None else check_folders(recipe, weights_dir)
    list_data = _list_classification if classifies else _list_dense
    recipe, listed, images = list_data(recipe, _check_path(recipe, data), choices)
    return PreparedRecipe(
        recipe=recipe,
        weights_dir=folder,
        data=listed,
        images=images,
        settings=make_settings(recipe, choices),
    )


def make_settings(recipe: Recipe, choices: Choices | None = None) -> RunSettings:
    """The settings of a recipe's comparison."""
    choices = choices or Choices()
    options = {**recipe.options, "seed": choices.seed, "device": choices.device}
    if choices.dtype is not None:
        options["dtype"] = choices.dtype
    if choices.steps not in (None, getattr(options.get("training"), "steps", None)):
        options["training"] = options["training"].with_steps(choices.steps)
    return get_task(recipe.task).settings_type(**options)


def count_head(
    settings: MapSettings, head_arguments: Mapping[str, Any], channels: int, grid_hw: HW
) -> int:
    """Multiply-adds of a dense head for one map of so many channels and cells."""
    options = {"in_channels": channels, **head_arguments, **settings.head_options}
    return _head_macs(settings.kind, tuple(options.items()), grid_hw)


@cache
def _head_macs(kind: HeadKind, options: tuple[tuple[str, Any], ...], grid_hw: HW) -> int:
    arguments = dict(options)
    with torch.device("meta"):
        module = kind.make(**arguments)
    return count_scores(module.eval(), arguments["in_channels"], grid_hw, grid_hw).macs


def _refuse(recipe: Recipe, choices: Choices, names: tuple[str, ...]) -> None:
    """Refuse choices for which the recipe's task has no use."""
    for name in names:
        value = getattr(choices, name)
        if value is not None:
            raise InputError(
                f"{name} must be left out for recipe {recipe.name}, whose task is {recipe.task}, "
                f"but got {value}."
            )


def _check_path(recipe: Recipe, data: str) -> str:
    """What stands after the colon of `data`."""
    scheme, _, path = data.partition(":")
    if scheme != recipe.data.scheme or not path:
        raise InputError(
            f"data of recipe {recipe.name} must be {recipe.data.scheme}:PATH, but got {data!r}. "
            "For other images use polyscale compare."
        )
    if not to_path(path).exists() and not to_path(path.partition("?")[0]).exists():
        raise InputError(
            f"{scheme} folder {path!r} does not exist. Check the path; for a sample use "
            "--per-class N or --limit N."
        )
    return path


def _list_classification(
    recipe: Recipe, path: str, choices: Choices
) -> tuple[Recipe, str, Listing]:
    """The recipe with the numbers of these images; the data set with its sample; its images."""
    per_class = choices.per_class
    if per_class is not None and per_class < MIN_DRAWN:
        raise InputError(f"per_class must be at least {MIN_DRAWN}, but got {per_class}.")
    catalogue = list_imagenet(Path(path).expanduser())
    data, (train, test) = f"{recipe.data.scheme}:{path}", catalogue.splits
    if per_class is not None:
        data = f"{data}?per_class={per_class}"
        train, test = (sample(split, per_class, seed=choices.seed) for split in (train, test))
    recipe = recipe.with_data(
        num_train=len(train), num_test=len(test), num_classes=len(catalogue.class_names)
    )
    return recipe, data, train


def _list_dense(recipe: Recipe, path: str, choices: Choices) -> tuple[Recipe, str, Listing]:
    """As for classification; the size of a typical image is read from some test images."""
    limit = choices.limit
    if limit is not None and limit < MIN_LIMIT:
        raise InputError(f"limit must be at least {MIN_LIMIT}, but got {limit}.")
    data = f"{recipe.data.scheme}:{path}"
    if limit is not None:
        data = f"{data}{'&' if '?' in path else '?'}limit={limit}"
    catalogue = list_dense(data, recipe.task, seed=choices.seed)
    train, test = catalogue.splits
    recipe = recipe.with_data(
        num_train=len(train),
        num_test=len(test),
        image_hw=_typical_hw(test) or recipe.data.image_hw,
    )
    return recipe, data, train


def _typical_hw(files: Listing) -> HW | None:
    """Of images spread evenly over the split, the size with the median aspect ratio."""
    sizes: list[HW] = []
    for index in np.linspace(0, len(files.ids) - 1, min(NUM_SIZES, len(files.ids))).astype(int):
        content = files.content(int(index))
        try:
            with Image.open(BytesIO(content) if isinstance(content, bytes) else content) as image:
                sizes.append((image.height, image.width))
        except OSError:  # the run itself reports unreadable images
            continue
    return sorted(sizes, key=lambda hw: max(hw) / min(hw))[len(sizes) // 2] if sizes else None
