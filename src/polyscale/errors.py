"""Errors for users: one line with the argument, its rule, the value, and what to do."""

import re
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from importlib.metadata import version
from importlib.util import find_spec
from types import MappingProxyType


class InputError(ValueError):
    """A value that the user gave breaks a rule."""


class MissingExtraError(ImportError):
    """A feature needs a package of an extra that is missing or too old."""


def require(package: str, *, extra: str, feature: str, at_least: str | None = None) -> None:
    """Stop before any long work if an optional package is missing or too old.

    Args:
        package: import name of the package.
        extra: extra of polyscale that includes it.
        feature: what the user asked for, as the user wrote it.
        at_least: oldest release that works and is safe, for packages whose import name is their
            name on PyPI.

    Raises:
        MissingExtraError: with the pip command that installs what is needed.
    """
    if find_spec(package) is None:
        raise MissingExtraError(
            f"{feature} needs the package '{package}', which is not installed. "
            f"Run: pip install 'polyscale[{extra}]'"
        )
    if at_least is not None and _release(version(package)) < _release(at_least):
        raise MissingExtraError(
            f"{feature} needs {package} {at_least} or newer, but {version(package)} is "
            f"installed. Run: pip install '{package}>={at_least}'"
        )


def _release(text: str) -> list[int]:
    """`1.0.26.dev0` → [1, 0, 26]."""
    return [int(part) for part in re.findall(r"\d+", text)[:3]]


def near_matches(name: str, known: Iterable[str], limit: int = 3) -> str:
    """`" Did you mean 'a' or 'b'?"`, or an empty string where nothing known is near `name`."""
    matches = get_close_matches(name, list(known), n=limit, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(f) for f in matches)}?" if matches else ""


def check_options(
    given: Iterable[str],
    known: Collection[str],
    *,
    of: str,
    advice: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Refuse names of options that there are not, and say which there are.

    Args:
        given: what the user wrote.
        known: names of options.
        of: what has these options, for example `the operator`.
        advice: name that is not known → what to do, where no similar name would help.
    """
    for name in given:
        if name not in known:
            raise InputError(
                f"{name} is not an option of {of}.{advice.get(name, near_matches(name, known))} "
                f"The options are {', '.join(known)}."
            )


def first_few(texts: Iterable[str], most: int = 4) -> str:
    """`a, b, c, d and 9 more`."""
    texts = list(texts)
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


class RunError(RuntimeError):
    """Something failed that the user's input did not cause, such as a download or a disk."""


def first_line(error: Exception) -> str:
    """First line of the message, to quote in another message."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
