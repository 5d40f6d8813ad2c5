"""Records and JSON: one codec for every file of a run, which checks each field by its type.

A record is a frozen dataclass. Its type hints are its schema: text, numbers with a range, lists,
mappings, choices, other records, and None where a field may be empty. Fields that a record does
not have are ignored, so that older versions can read the files of newer ones.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from functools import cache
from math import isfinite
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

Made = TypeVar("Made")
Place: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the top of a file to a value."""

AGAIN = "Run polyscale compare again, or use the version of polyscale that wrote the run."
LARGEST = 1e30
"""Numbers beyond it are no measurements, and overflow when they are multiplied."""


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


class FieldError(ValueError):
    """A value breaks the rule of its field: where it is, and what is wrong with it."""

    def __init__(self, place: Place, wrong: str) -> None:
        super().__init__(wrong)
        self.place, self.wrong = place, wrong

    def __str__(self) -> str:
        """`row 2: latency_ms must be a number above 0, but is 'x'`."""
        is_row = bool(self.place) and isinstance(self.place[0], int)
        keys = self.place[1:] if is_row else self.place
        path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
        row = f"row {int(self.place[0]) + 1}" if is_row else ""
        where = ": ".join(filter(None, (row, path.lstrip("."))))
        return f"{where} {self.wrong}".lstrip()


@dataclass(frozen=True)
class Record:
    """A part of a run that goes to JSON and back."""

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls: type[Made], row: object) -> Made:
        """Read what `to_dict` wrote, after its way through JSON.

        Raises:
            FieldError: if a field is missing or breaks its rule.
        """
        return decode(cls, row)

    @classmethod
    def completed(cls, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """A row of an older version with the fields that it did not write yet."""
        return row


def decode(kind: Any, value: Any, place: Place = ()) -> Any:
    """A value from JSON as the type that a schema names.

    Args:
        kind: a type hint, for example `tuple[Result, ...]`.
        value: what `json.loads` gave.
        place: where it stands in its file.

    Raises:
        FieldError: if a field is missing or breaks its rule.
    """
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _decode_record(kind, value, place)
    if kind in (str, int, float, bool):
        return _decode_plain(kind, value, place)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):  # with None: what may be empty
        (inner,) = (argument for argument in arguments if argument is not NoneType)
        return None if value is None else decode(inner, value, place)
    if origin is Annotated:
        return _decode_number(*arguments, value=value, place=place)
    if origin is Literal:
        if not isinstance(value, str) or value not in arguments:
            raise wrong(place, f"one of {', '.join(map(repr, arguments))}", value)
        return value
    if origin is tuple:
        return _decode_list(arguments, value, place)
    if not isinstance(value, dict):
        raise wrong(place, "an object", value)
    return {key: decode(arguments[1], own, (*place, key)) for key, own in value.items()}


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
    """Write readable JSON, records included, without NaN, which other readers refuse."""
    text = json.dumps(content, indent=2, allow_nan=False, default=lambda record: record.to_dict())
    path.write_text(f"{text}\n", encoding="utf-8")


def check_exists(path: Path) -> None:
    """Refuse a file of a run that is not there.

    Raises:
        InputError: if it is missing.
    """
    if not path.is_file():
        raise InputError(
            f"{path} must be a file that polyscale compare wrote, but is missing. "
            "Name the folder of a finished run, or run polyscale compare again."
        )


def damaged(path: Path, reason: object) -> InputError:
    """The error of a file that cannot be read, in one line."""
    first_line = str(reason).partition("\n")[0].rstrip(".")
    return InputError(f"{path} must be as polyscale compare wrote it, but: {first_line}. {AGAIN}")


def wrong(place: Place, rule: str, value: object) -> FieldError:
    """The error of a value that breaks a rule."""
    text = repr(value)
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return FieldError(place, f"must be {rule}, but is {shown}")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _decode_record(kind: Any, value: Any, place: Place) -> Any:
    if not isinstance(value, dict):
        raise wrong(place, "an object", value)
    row = kind.completed(value) if issubclass(kind, Record) else value
    made = {}
    for field in fields(kind):
        if field.name in row:
            made[field.name] = decode(
                _hints(kind)[field.name], row[field.name], (*place, field.name)
            )
        elif field.default is MISSING and field.default_factory is MISSING:
            raise FieldError((*place, field.name), "must be there, but is missing")
    try:
        return kind(**made)
    except FieldError:
        raise
    except ValueError as error:  # a rule about several fields
        raise FieldError(place, str(error)) from error


def _decode_list(arguments: tuple[Any, ...], value: Any, place: Place) -> Any:
    if not isinstance(value, list):
        raise wrong(place, "a list", value)
    if arguments[-1] is not ...:
        if len(value) != len(arguments):
            raise wrong(place, f"a list of {len(arguments)}", value)
        kinds: tuple[Any, ...] = arguments
    else:
        kinds = (arguments[0],) * len(value)
    return tuple(
        decode(kind, own, (*place, i))
        for i, (kind, own) in enumerate(zip(kinds, value, strict=True))
    )


_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _decode_plain(kind: type, value: Any, place: Place) -> Any:
    fits = isinstance(value, (int, float) if kind is float else kind)
    if not fits or (isinstance(value, bool) and kind is not bool):
        raise wrong(place, _NAMES[kind], value)
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise wrong(place, "text without lone surrogates", value)
    elif isinstance(value, float):
        if not isfinite(value) or abs(value) > LARGEST:
            raise wrong(place, f"{_NAMES[kind]} no larger than {LARGEST:g}", value)
    elif abs(value) > 2**63:
        raise wrong(place, f"{_NAMES[kind]} no larger than 2^63", value)
    return value


def _decode_number(kind: type, limits: Range, *, value: Any, place: Place) -> Any:
    rule = f"{_NAMES[kind]} {limits.rule}"
    try:
        number = _decode_plain(kind, value, place)
    except FieldError as error:
        raise wrong(place, rule, value) from error
    if not limits.low <= number <= limits.high:
        raise wrong(place, rule, value)
    return number
