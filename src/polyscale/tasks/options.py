"""Settings on the command line: each field says itself how it is given there and what it means."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from polyscale.errors import InputError

Settings = TypeVar("Settings")

KEY = "options"
"""Where the metadata of a field holds its options."""

TYPES = (bool, int, float, str)

RESERVED = frozenset(
    {"cache", "cache-limit", "candidates", "data", "help", "no-cache", "out", "task"}
)
"""Names of the options that `polyscale compare` has for every task."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Option:
    """An option of the command line that sets a field of settings.

    Attributes:
        help: what it does, in plain sentences.
        name: without the dashes in front; "" is the name of the field.
        value_type: of what the user gives: int, float, str, or bool for an option without a value.
        default: how help shows the default; "" shows none.
        parse: what the user gives → the value of the field.
        change: settings and what the user gives → new settings, for an option that sets a part of a
            field or depends on other fields. These options are applied after all others.
        choices: class of the settings → values to choose from; help lists them.
    """

    help: str
    name: str = ""
    value_type: type = str
    default: str = ""
    parse: Callable[[Any], Any] | None = None
    change: Callable[[Any, Any], Any] | None = None
    choices: Callable[[Any], Iterable[str]] | None = None

    def __post_init__(self) -> None:
        if self.name and not re.fullmatch(r"[a-z][a-z0-9-]*", self.name):
            raise InputError(
                "name of an option must begin with a letter and consist of small letters, digits "
                f"and dashes, but got {self.name!r}."
            )
        if self.value_type not in TYPES:
            raise InputError(
                f"value_type of an option must be bool, int, float or str, but got "
                f"{self.value_type!r}. Give parse, which makes the value from text."
            )

    def describe(self, kinds: Mapping[str, type]) -> str:
        """The help, with the default and the choices of each task that has the option."""
        tasks: dict[str, list[str]] = {}
        for task, kind in kinds.items() if self.choices else ():
            tasks.setdefault(", ".join(self.choices(kind)), []).append(task)  # type: ignore[misc]
        parts = [self.help, *(f"For {_join(names)}: {each}." for each, names in tasks.items())]
        return " ".join([*parts, f"[default: {self.default}]"] if self.default else parts)


def option(
    default: Any, *, help: str, value_type: Any = None, shown: str | None = None, **more: Any
) -> Any:
    """A field of settings that is an option of the command line; see `Option`.

    Args:
        default: of the field. If it is True, the option is called `--no-FIELD` and turns it off.
        help: what it does, in plain sentences.
        value_type: None is the type of the default, or str with `parse`.
        shown: how help shows the default; None writes it as it is, and nothing for a bool.
        more: `name`, `parse`, `change` and `choices` of `Option`.
    """
    value_type = value_type or (str if "parse" in more else type(default))
    if value_type is bool:
        more.setdefault("parse", lambda given: not default)
    if shown is None:
        shown = "" if value_type is bool else str(default)
    made = Option(help=help, value_type=value_type, default=shown, **more)
    return field(default=default, metadata={KEY: (made,)})


def options_of(kind: type) -> dict[str, tuple[str, Option]]:
    """Name of each option of a class of settings → the field that it sets, and the option.

    Raises:
        InputError: if an option has the name of one that `polyscale compare` has for every task.
    """
    options: dict[str, tuple[str, Option]] = {}
    for each in fields(kind):
        name = ("no-" if each.default is True else "") + each.name.replace("_", "-")
        options |= {own.name or name: (each.name, own) for own in each.metadata.get(KEY, ())}
    if taken := sorted(RESERVED & options.keys()):
        raise InputError(
            f"options of {kind.__name__} must not be called --{taken[0]}, which is an option of "
            "polyscale compare for every task. Give the option another `name`."
        )
    return options


def make_settings(
    kind: type[Settings],
    given: Mapping[str, Any],
    *,
    task: str,
    start: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings from what is given on the command line.

    Args:
        kind: class of the settings.
        given: name of an option → what is given; None or False where it is left out.
        task: what errors call the task.
        start: fields that differ from the defaults where they are not given.

    Raises:
        InputError: if an option is not one of the task, or breaks its rule.
    """
    known, values, changes = options_of(kind), {}, []
    for name, value in given.items():
        if value is None or value is False:
            continue
        if name not in known:
            raise InputError(f"--{name} is no option of {task}. Leave it out.")
        target, own = known[name]
        if type(value) is not own.value_type:
            raise InputError(
                f"--{name} must be {own.value_type.__name__} for {task}, but it is read as "
                f"{value!r}, because another task has an option of that name. Rename one of them."
            )
        if own.change is not None:
            changes.append((own.change, value))
        else:
            values[target] = own.parse(value) if own.parse else value
    settings = kind(**{**(start or {}), **values})
    for change, value in changes:
        settings = change(settings, value)
    return settings


def group_options(kinds: Mapping[str, type]) -> dict[str, dict[str, Option]]:
    """A title that names tasks → the options that exactly these tasks have, each with all its help.

    `kinds` is the name of each task → the class of its settings. Groups of most tasks come first.
    """
    holders: dict[tuple[str, Option], list[str]] = {}
    for task, kind in kinds.items():
        for name, (_, own) in options_of(kind).items():
            holders.setdefault((name, own), []).append(task)
    groups: dict[str, dict[str, Option]] = {}
    for (name, own), tasks in sorted(holders.items(), key=lambda held: -len(held[1])):
        whose = "every task" if len(tasks) == len(kinds) else _join(tasks)
        about = own.describe({task: kinds[task] for task in tasks})
        groups.setdefault(f"Options of {whose}", {})[name] = replace(own, help=about)
    return groups


def _join(names: Iterable[str]) -> str:
    """`a`, `a and b`, or `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
