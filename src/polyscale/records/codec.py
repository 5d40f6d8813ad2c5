"""Records and JSON: one codec for every file of a run, which checks each field by its type.

A record is a frozen dataclass. Its type hints are its schema: text, numbers with a range, lists,
mappings, choices, other records, and None where a field may be empty. Fields that a record does
not have are ignored, so that older versions can read the files of newer ones.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from functools import cache
from os.path import isfile
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from polyscale.errors import InputError

T = TypeVar("T")
Place: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the top of a file to a value."""

AGAIN = "Run polyscale compare again, or use the version of polyscale that wrote the run."
LARGEST = 1e30
"""Numbers beyond it cannot be measurements, and would overflow when they are multiplied."""


@dataclass(frozen=True)
class Range:
    """The values that a number may take, and the rule in words."""

    rule: str
    low: float
    high: float = LARGEST


Positive: TypeAlias = Annotated[float, Range("above 0", 1e-30)]
Share: TypeAlias = Annotated[float, Range("from 0 to 1", 0, 1)]
NotNegative: TypeAlias = Annotated[float, Range("of at least 0", 0)]
Count: TypeAlias = Annotated[int, Range("of at least 0", 0, 2**63)]
PositiveCount: TypeAlias = Annotated[int, Range("above 0", 1, 2**63)]

PLAIN: Mapping[Any, tuple[str, Range]] = {
    str: ("text", Range("", 0)),
    bool: ("true or false", Range("", 0)),
    int: ("a whole number", Range("no larger than 2^63", -(2**63), 2**63)),
    float: ("a number", Range(f"no larger than {LARGEST:g}", -LARGEST)),
}
"""Types of plain values: their names in errors, and the range of numbers without a range."""


class FieldError(ValueError):
    """A value breaks the rule of its field: where it is, and what is wrong with it."""

    def __init__(self, place: Place, wrong: str) -> None:
        super().__init__(wrong)
        self.place, self.wrong = place, wrong

    def __str__(self) -> str:
        """`row 2: latency_ms must be a number above 0, but is 'x'`."""
        row, keys = "", self.place
        if keys and isinstance(keys[0], int):
            row, keys = f"row {keys[0] + 1}", keys[1:]
        path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
        where = ": ".join(filter(None, (row, path.lstrip("."))))
        return f"{where} {self.wrong}".lstrip()


@dataclass(frozen=True)
class Record:
    """A part of a run that is written as JSON and read again."""

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls: type[T], row: object) -> T:
        """Read what `to_dict` gave, after it was written as JSON.

        Raises:
            FieldError: if a field is missing or breaks its rule.
        """
        return decode(cls, row)


def decode(kind: Any, value: Any, place: Place = ()) -> Any:
    """A value from JSON as the type that a schema names.

    Args:
        kind: a type hint, for example `tuple[Result, ...]`.
        value: what `json.loads` gave.
        place: where the value is in its file.

    Raises:
        FieldError: if a field is missing or breaks its rule.
    """
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _decode_record(kind, value, place)
    if kind in PLAIN:
        return _decode_plain(kind, PLAIN[kind][1], value, place)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):  # with None, for a field that may be empty
        (inner,) = (argument for argument in arguments if argument is not NoneType)
        return None if value is None else decode(inner, value, place)
    if origin is Annotated:
        number, limits = arguments
        return _decode_plain(number, limits, value, place)
    if origin is Literal:
        if not isinstance(value, str) or value not in arguments:
            raise _wrong(place, f"one of {', '.join(map(repr, arguments))}", value)
        return value
    if origin is tuple:
        return _decode_list(arguments, value, place)
    if not isinstance(value, dict):
        raise _wrong(place, "an object", value)
    return {key: decode(arguments[1], entry, (*place, key)) for key, entry in value.items()}


def read_json(path: Path, kind: Any) -> Any:
    """Read a file of a run as the type that its schema names.

    Raises:
        InputError: if the file is missing, holds no JSON, or a field is missing or breaks its rule.
    """
    check_exists(path)
    try:
        return decode(kind, json.loads(path.read_bytes()))
    except FieldError as error:
        between = (", " if isinstance(error.place[0], int) else ": ") if error.place else " "
        raise InputError(f"{path}{between}{error}. {AGAIN}") from error
    except (ValueError, RecursionError, OSError) as error:
        raise damaged(path, error) from error


def write_json(path: Path, content: object) -> None:
    """Write readable JSON, records included. NaN is refused: other programs cannot read it."""
    text = json.dumps(content, indent=2, allow_nan=False, default=lambda record: record.to_dict())
    path.write_text(f"{text}\n", encoding="utf-8")


def check_exists(path: Path) -> None:
    """Raise InputError if a file of a run is missing."""
    if not isfile(path):  # noqa: PTH113 - false for a name that is too long as well
        raise InputError(
            f"{path} must be a file that polyscale compare wrote, but is missing. "
            "Name the folder of a finished run, or run polyscale compare again."
        )


def check_lengths(*lists: tuple[object, ...]) -> None:
    """Raise ValueError if lists that belong together differ in length."""
    if len(set(map(len, lists))) > 1:
        raise ValueError("must hold lists of one length, but they differ")


def damaged(path: Path, reason: object) -> InputError:
    """The error of a file that cannot be read, in one line."""
    first_line = str(reason).partition("\n")[0].rstrip(".")
    return InputError(f"{path} must be as polyscale compare wrote it, but: {first_line}. {AGAIN}")


def _wrong(place: Place, rule: str, value: object) -> FieldError:
    text = repr(value)
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return FieldError(place, f"must be {rule}, but is {shown}")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _decode_record(kind: Any, value: Any, place: Place) -> Any:
    if not isinstance(value, dict):
        raise _wrong(place, "an object", value)
    given = {}
    for field in fields(kind):
        inner = (*place, field.name)
        if field.name in value:
            given[field.name] = decode(_hints(kind)[field.name], value[field.name], inner)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise FieldError(inner, "must be there, but is missing")
    try:
        return kind(**given)
    except ValueError as error:  # a rule about several fields
        raise FieldError(place, str(error)) from error


def _decode_list(kinds: tuple[Any, ...], value: Any, place: Place) -> Any:
    if not isinstance(value, list):
        raise _wrong(place, "a list", value)
    if kinds[-1] is ...:
        kinds = (kinds[0],) * len(value)
    elif len(value) != len(kinds):
        raise _wrong(place, f"a list of {len(kinds)}", value)
    entries = zip(kinds, value, strict=True)
    return tuple(decode(kind, entry, (*place, i)) for i, (kind, entry) in enumerate(entries))


def _decode_plain(kind: Any, limits: Range, value: Any, place: Place) -> Any:
    name, rule = PLAIN[kind][0], limits.rule
    if isinstance(value, bool) is not (kind is bool) or not isinstance(
        value, (int, float) if kind is float else kind
    ):
        raise _wrong(place, name if limits is PLAIN[kind][1] else f"{name} {rule}", value)
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise _wrong(place, "text without lone surrogates", value)
    elif kind is not bool and not limits.low <= value <= limits.high:  # false for NaN
        raise _wrong(place, f"{name} {rule}", value)
    return value
