"""Settings on the command line: each field says itself how it is given there and what it means."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from typing import Any, Literal, TypeVar, get_args, get_origin

from polyscale.errors import InputError

Settings = TypeVar("Settings")

KEY = "options"
"""Where the metadata of a field holds its options."""

TYPES = (bool, int, float, str)

RESERVED = frozenset(
    {
        *("cache", "cache-limit", "candidates", "config", "data", "family", "help", "json"),
        *("limit", "no-cache", "out", "quiet", "task"),
    }
)
"""Names of the options that `polyscale compare` has for every task."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option of the command line that sets a field of settings.

    Attributes:
        help: what it does, in plain sentences.
        name: without the dashes in front; "" is the name of the field.
        value_type: of what the user gives: int, float, str, or bool for an option without a value.
        default: how help shows the default; "" shows none.
        parse: what the user gives → the value of the field.
        write: the settings → what a user gives to get them, None to leave the option out; None
            writes the value of the field.
        change: settings and what the user gives → new settings, for an option that sets a part of a
            field or depends on other fields. These options are applied after all others.
        choices: class of the settings → values to choose from, where the type of the field does
            not list them; help does.
        metavar: what stands for the value in help; "" is its type, or its choices.
    """

    help: str
    name: str = ""
    value_type: type = str
    default: str = ""
    parse: Callable[[Any], Any] | None = None
    write: Callable[[Any], Any] | None = None
    change: Callable[[Any, Any], Any] | None = None
    choices: Callable[[Any], Iterable[str]] | None = None
    metavar: str = ""

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

    def describe(self, target: str, kinds: Mapping[str, type]) -> "Option":
        """The option as help shows it: with its choices, and which task has which.

        Args:
            target: name of the field.
            kinds: name of each task that has the option → the class of its settings.
        """
        tasks: dict[tuple[str, ...], list[str]] = {}
        for task, kind in kinds.items():
            tasks.setdefault(self._choices(target, kind), []).append(task)
        if len(tasks) == 1:
            (values,) = tasks
            return replace(self, metavar=f"[{'|'.join(values)}]") if values else self
        about = (
            f"For {_join(names)}: {', '.join(values)}." for values, names in tasks.items() if values
        )
        return replace(self, help=" ".join((self.help, *about)))

    def _choices(self, target: str, kind: type) -> tuple[str, ...]:
        if self.choices is not None:
            return tuple(self.choices(kind))
        types = {each.name: each.type for each in fields(kind)}
        return () if self.value_type is bool or self.change else literal_values(types[target])

    @property
    def usage(self) -> str:
        """What stands behind the name in help."""
        if self.value_type is bool:
            return ""
        return f" {self.metavar or f'<{self.value_type.__name__}>'}"

    @property
    def about(self) -> str:
        """The help, with the default."""
        return f"{self.help} [default: {self.default}]" if self.default else self.help


def option(
    default: Any, *, help: str, value_type: Any = None, shown: str | None = None, **more: Any
) -> Any:
    """A field of settings that is an option of the command line; see `Option`.

    Args:
        default: of the field. If it is True, the option is called `--no-FIELD` and turns it off.
        help: what it does, in plain sentences.
        value_type: None is the type of the default, or str with `parse`.
        shown: how help shows the default; None writes it as it is, and nothing for a bool.
        more: `name`, `parse`, `write`, `change` and `choices` of `Option`.
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


def given_options(settings: Any) -> dict[str, Any]:
    """The options that make these settings, by their names; those at a default "off" are left out.

    Where some field has no option, `make_settings` gives other settings than these.
    """
    defaults = {each.name: each.default for each in fields(settings)}
    given: dict[str, Any] = {}
    for name, (target, own) in options_of(type(settings)).items():
        value = getattr(settings, target)
        if own.write is not None:
            value = own.write(settings)
        elif own.value_type is bool:
            value = value != defaults[target]
        elif own.parse is not None and value is not None:
            value = str(value)
        if value is not None and value is not False:
            given[name] = value
    return given


def literal_values(annotation: Any) -> tuple[str, ...]:
    """The values of a `Literal`, or of a union of such; none where anything else is allowed.

    >>> literal_values(Literal["a", "b"] | Literal["c"]), literal_values(Literal["a"] | int)
    (('a', 'b', 'c'), ())
    """
    members = get_args(annotation)
    if get_origin(annotation) is Literal:
        return members
    found = [literal_values(member) for member in members]
    return tuple(chain(*found)) if all(found) else ()


def group_options(kinds: Mapping[str, type]) -> dict[str, dict[str, Option]]:
    """A title that names tasks → the options that exactly these tasks have, each with all its help.

    `kinds` is the name of each task → the class of its settings. Groups of most tasks come first.
    """
    holders: dict[tuple[str, str, Option], list[str]] = {}
    for task, kind in kinds.items():
        for name, (target, own) in options_of(kind).items():
            holders.setdefault((name, target, own), []).append(task)
    groups: dict[str, dict[str, Option]] = {}
    for (name, target, own), tasks in sorted(holders.items(), key=lambda held: -len(held[1])):
        whose = _name_tasks(tasks, kinds)
        described = own.describe(target, {task: kinds[task] for task in tasks})
        groups.setdefault(f"Options of {whose}", {})[name] = described
    return groups


def _name_tasks(tasks: Sequence[str], every: Iterable[str]) -> str:
    """The tasks, or those that are not among them where these are far fewer."""
    others = [task for task in every if task not in tasks]
    if not others:
        return "every task"
    return f"every task but {_join(others)}" if 2 * len(others) <= len(tasks) else _join(tasks)


def _join(names: Iterable[str]) -> str:
    """`a`, `a and b`, or `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
