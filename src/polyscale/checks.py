"""Checks of values that users give, the same in Python and on the command line."""

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import TypeGuard

from polyscale.errors import InputError


def is_real(value: object) -> TypeGuard[float]:
    """Whether it is a real number, NumPy's included; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a number of Python, which JSON can hold; True and False are none."""
    return is_real(value) and isinstance(value, int | float)


def check_number(name: str, value: object, rule: str, holds: Callable[[float], bool]) -> None:
    """Refuse what is no finite number, or one for which the rule, here in words, does not hold.

    Raises:
        InputError: it calls the value `name`.
    """
    if not (is_number(value) and -math.inf < value < math.inf and holds(value)):
        raise InputError(f"{name} must be a number {rule}, but got {value!r}. Change it.")


def check_integer(name: str, value: object, least: int = 1, most: int | None = None) -> int:
    """A whole number within limits, both included.

    Returns:
        NumPy's integers too as one of Python, which JSON can hold.

    Raises:
        InputError: for anything else, True and False included; it calls the value `name`.

    Examples:
        >>> import numpy as np
        >>> check_integer("batch", np.int64(16))
        16
    """
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_integer or value < least or (most is not None and value > most):  # type: ignore[operator]
        limits = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise InputError(f"{name} must be a whole number {limits}, but got {_short(value)}.")
    return int(value)  # type: ignore[call-overload]


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"


def check_integers(settings: object, *names: str, least: int = 1, most: int | None = None) -> None:
    """`check_integer` for fields of a frozen dataclass, which then hold integers of Python."""
    for name in names:
        value = check_integer(name, getattr(settings, name), least, most)
        object.__setattr__(settings, name, value)


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse what is none of the choices.

    Raises:
        InputError: it calls the value `name`.
    """
    if value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, but got {value!r}.")


def check_flag(name: str, value: object) -> None:
    """Refuse what is neither True nor False.

    Raises:
        InputError: it calls the value `name`.
    """
    if not isinstance(value, bool):
        raise InputError(f"{name} must be True or False, but got {value!r}.")
