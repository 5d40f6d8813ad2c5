"""What a task does for its recipes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from polyscale.data.listing import Files
from polyscale.errors import InputError
from polyscale.studies.recipes.work import Counts, Work
from polyscale.types.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the user chooses about a run; None leaves it to the recipe.

    Attributes:
        per_class: images of each class to draw from each split.
        limit: images to draw from each split.
        steps: of training each head.
        dtype: what backbones compute in.
        seed: of samples, heads and resampling.
        device: where models run.
    """

    per_class: int | None = None
    limit: int | None = None
    steps: int | None = None
    dtype: str | None = None
    seed: int = 0
    device: str = "cpu"

    @property
    def shared(self) -> dict[str, Any]:
        """Options of every study's settings."""
        own = {} if self.dtype is None else {"dtype": self.dtype}
        return {"seed": self.seed, "device": self.device, **own}


@dataclass(frozen=True)
class Listed:
    """Data by the names of their files.

    Attributes:
        data: what `plan_compare` takes.
        images: of the training split.
        counts: of both splits.
    """

    data: str
    images: Files
    counts: Counts


class RecipeTask(Protocol):
    """A task that has recipes."""

    @property
    def refused(self) -> tuple[str, ...]:
        """Choices that it has no use for."""
        ...

    def settings(self, recipe: Recipe, choices: Choices) -> Any:
        """Of the study."""
        ...

    def list(self, recipe: Recipe, path: str, choices: Choices) -> Listed:
        """What is at a path; no image is opened but for its size."""
        ...

    def work(self, recipe: Recipe, settings: Any, counts: Counts) -> Work:
        """What there is to do."""
        ...


def check_choices(recipe: Recipe, task: RecipeTask, choices: Choices) -> None:
    """Refuse what the task has no use for.

    Raises:
        InputError: with the first of them.
    """
    given: Mapping[str, Any] = vars(choices)
    for name in task.refused:
        if given[name] is not None:
            raise InputError(
                f"{name} must be left out for recipe {recipe.name}, whose task is {recipe.task}, "
                f"but got {given[name]}."
            )
