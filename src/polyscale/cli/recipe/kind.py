"""The interface between the commands and a kind of recipe."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from polyscale.errors import InputError

Lines = Iterator[str | Table]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of `polyscale recipe run`.

    Attributes:
        data: where the data are; may be None with `--dry`, which only prints what a run would cost.
        out: folder of the results.
        weights_dir: folder with one folder for each checkpoint; None takes them from the hub.
        per_class: images per class in each split; None takes all.
        limit: images in each split, or questions; None takes all.
        given: options of the settings, by name.
        cache: folder for features; None is that of the user.
    """

    data: str | None
    out: Path
    weights_dir: Path | None = None
    per_class: int | None = None
    limit: int | None = None
    given: Mapping[str, Any]
    cache: Path | None = None

    def source(self) -> str:
        """Where the data of a run are.

        Raises:
            InputError: if there are none.
        """
        if self.data is None:
            raise InputError("data must be given, but is missing. Add --data, or use --dry.")
        return self.data


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of recipe.

    Attributes:
        recipe: the class of its recipes.
        data: recipe → the name of its data set.
        unused: options of a run that its recipes do not use.
        show: recipe → all about it.
        prepare: recipe and options → what `costs` and `run` need, read once for both.
        costs: what a run would take.
        run: runs it, and gives the paper's figures beside the results; None if it cannot be run.
        only_dry: the reason for that, and what to do instead.
    """

    recipe: type
    data: Callable[[Any], str]
    unused: tuple[str, ...] = ()
    show: Callable[[Any], Lines]
    prepare: Callable[[Any, RunOptions], Any] = lambda recipe, _: recipe
    costs: Callable[[Any, RunOptions], Lines]
    run: Callable[[Any, RunOptions], Lines] | None
    only_dry: str = ""

    def check(self, recipe: Any, options: RunOptions, *, dry: bool) -> None:
        """Raise an InputError for what the recipe does not use or cannot do, or missing data."""
        if not dry and self.run is None:
            raise InputError(f"recipe {recipe.name} can only be run with --dry: {self.only_dry}")
        if not dry:
            options.source()
        for name in self.unused:
            value = options.given.get(name, getattr(options, name, None))
            if value is not None:
                raise InputError(
                    f"{name.replace('_', '-')} must not be given for {recipe.name}, but got "
                    f"{str(value)!r}. The recipe has no use for it; leave it out."
                )


def heading(recipe: Any, data: str) -> str:
    """The first line about a recipe."""
    return f"{recipe.name}: {data}, {recipe.place} (Shi et al. 2024, arXiv 2403.13043v2)"


def what_is_stated(recipe: Any, by: str = "the paper") -> Iterator[str]:
    """What the paper states about an experiment, and what we chose where it states nothing."""
    yield f"Stated by {by}:"
    yield from (f"  {line}" for line in recipe.stated)
    yield "Left open by the paper, and chosen here:"
    yield from (f"  {line}" for line in recipe.chosen)
