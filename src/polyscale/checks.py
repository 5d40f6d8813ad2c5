"""Checks of values that users give, the same in Python and on the command line."""

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import TypeGuard

from polyscale.errors import InputError


def is_real(value: object) -> TypeGuard[float]:
    """Whether a value is a number of Python or NumPy, and neither True nor False."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is an int or a float, as JSON can hold it, and neither True nor False."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_number(name: str, value: object, rule: str, holds: Callable[[float], bool]) -> None:
    """Refuse a value that is not a finite number, or breaks a rule.

    Args:
        name: what the error calls the value.
        value: what the user gave.
        rule: the rule in words, for example "above 0".
        holds: whether a number obeys the rule.

    Raises:
        InputError: if the value is refused.
    """
    if not (is_number(value) and -math.inf < value < math.inf and holds(value)):
        raise InputError(f"{name} must be a number {rule}, but got {_short(value)}. Change it.")


def check_integer(
    name: str, value: object, least: int = 1, most: int | None = None, *, word: str | None = None
) -> int:
    """Refuse a value that is not a whole number within limits.

    Args:
        name: what the error calls the value.
        value: what the user gave, an integer of Python or NumPy.
        least: the smallest number that is allowed.
        most: the largest number that is allowed; None sets no limit.
        word: what the error names beside numbers, such as "auto", if the caller allows it.

    Returns:
        The number as an int, which JSON can hold.

    Raises:
        InputError: if the value is refused, as True and False are.

    Examples:
        >>> import numpy as np
        >>> check_integer("batch", np.int64(16))
        16
    """
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_integer or value < least or (most is not None and value > most):  # type: ignore[operator]
        rule = f"a whole number of at least {least}"
        if most is not None:
            rule = f"a whole number from {least} to {most}"
        if word is not None:
            rule = f"{word} or {rule}"
        raise InputError(f"{name} must be {rule}, but got {_short(value)}.")
    return int(value)  # type: ignore[call-overload]


def check_integers(
    settings: object, *names: str, least: int = 1, most: int | None = None, word: str | None = None
) -> None:
    """Apply `check_integer` to fields of a frozen dataclass, and store its results in them.

    Args:
        settings: the dataclass.
        names: names of fields.
        least: the smallest number that is allowed.
        most: the largest number that is allowed; None sets no limit.
        word: what is allowed beside numbers, such as "auto"; None allows numbers only.

    Raises:
        InputError: if a value is refused.
    """
    for name in names:
        value = getattr(settings, name)
        if word is None or value != word:
            number = check_integer(name, value, least, most, word=word)
            object.__setattr__(settings, name, number)


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse a value that is not among the choices.

    Raises:
        InputError: if the value is refused; the error calls it `name`.
    """
    if value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, but got {value!r}.")


def check_flag(name: str, value: object) -> None:
    """Refuse a value that is neither True nor False.

    Raises:
        InputError: if the value is refused; the error calls it `name`.
    """
    if not isinstance(value, bool):
        raise InputError(f"{name} must be True or False, but got {value!r}.")


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"
