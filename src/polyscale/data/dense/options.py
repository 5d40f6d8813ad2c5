"""Options of data with a target for every pixel: what the stored numbers mean."""

import re
from collections.abc import Mapping
from pathlib import Path

from polyscale.data.dense.depth_maps import MAX_DEPTH_M, MIN_DEPTH_M, DepthCoding
from polyscale.data.dense.masks import IGNORED_VALUE, Classes
from polyscale.data.options import to_flag, to_number, to_path
from polyscale.errors import InputError

MASK_OPTIONS = ("ignore", "reduce_zero", "classes")
DEPTH_OPTIONS = ("per_metre", "min", "max")


def to_classes(options: Mapping[str, str], beside: Path | None = None) -> Classes:
    """What the options say about classes.

    Args:
        options: `ignore`, a number or none; `reduce_zero`, 1 where 0 is no class and 1 the first;
            `classes`, a file of names.
        beside: a file of names that is taken if it is there and none is given.

    Raises:
        InputError: if an option is none of these, or the names cannot be read.
    """
    named = to_path(options["classes"]) if "classes" in options else None
    file = named or (beside if beside is not None and beside.is_file() else None)
    names = None if file is None else read_names(file)
    reduce_zero = to_flag("reduce_zero", options.get("reduce_zero", "0"))
    ignored = _ignored(options.get("ignore"), 0 if names is None else len(names))
    return Classes(
        names=names, first=int(reduce_zero), ignored=ignored | ({0} if reduce_zero else set())
    )


def read_names(file: Path) -> tuple[str, ...]:
    """Class names, one a line.

    Raises:
        InputError: if there is no such text, it is empty, or a name stands there twice.
    """
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"class names {str(file)!r} must be text in UTF-8, but cannot be read ({error}). "
            "Write a name a line."
        ) from error
    while lines and not lines[-1]:
        lines.pop()
    twice = sorted({name for name in lines if lines.count(name) > 1})
    if not lines or not all(lines) or twice:
        what = f"{twice[0]!r} twice" if twice else "an empty line" if lines else "nothing"
        raise InputError(
            f"class names {str(file)!r} must be different names, one a line in the order of the "
            f"classes, but the file holds {what}. Correct it."
        )
    return tuple(lines)


def to_depth_coding(options: Mapping[str, str]) -> DepthCoding:
    """What the options say about depth: `per_metre`, `min` and `max`.

    Raises:
        InputError: if one is no number above 0, or the range is empty.
    """
    per_metre = options.get("per_metre")
    low, high = (
        to_number(name, options[name]) if name in options else default
        for name, default in (("min", MIN_DEPTH_M), ("max", MAX_DEPTH_M))
    )
    if low >= high:
        raise InputError(
            f"option min of data must be below max ({high:g} metres), but got {low:g}. Lower it."
        )
    return DepthCoding(
        per_metre=None if per_metre is None else to_number("per_metre", per_metre),
        min_m=low,
        max_m=high,
    )


def _ignored(text: str | None, num_names: int) -> frozenset[int]:
    if text is None:  # with so many classes 255 is one of them
        return frozenset({IGNORED_VALUE if num_names <= IGNORED_VALUE else 65535})
    if text == "none":
        return frozenset()
    if not re.fullmatch(r"-?[0-9]+", text):  # arrays may hold -1
        raise InputError(
            f"option ignore of data must be a whole number or none, but got {text!r}. "
            f"Example: ?ignore={IGNORED_VALUE}"
        )
    return frozenset({int(text)})
