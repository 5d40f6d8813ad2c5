"""What stands behind the question mark: `PATH?name=value&name=value`."""

import math
from pathlib import Path

from polyscale.errors import InputError, near_matches


def split_options(rest: str, known: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """`PATH?name=value&name=value` → the path and the options."""
    place, mark, query = rest.rpartition("?")
    if not mark or "=" not in query:  # a question mark of the name's own
        return rest, {}
    options: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name not in known:
            raise InputError(
                f"options of data must be among {', '.join(known)}, but got {name!r}."
                f"{near_matches(name, known)}"
            )
        if not value or name in options:
            raise InputError(
                f"option {name} of data must be given once, with a value, but got {query!r}. "
                f"Example: ?{name}=VALUE"
            )
        options[name] = value
    return place, options


def to_path(text: str) -> Path:
    """The path that a user wrote, `~` included."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # a home that does not exist
        return Path(text)


def refusal(name: str, rule: str, text: str, example: str = "") -> InputError:
    """The error of an option that breaks a rule; the example is a value that does not."""
    hint = f" Example: ?{name}={example}" if example else ""
    return InputError(f"option {name} of data must be {rule}, but got {text!r}.{hint}")


def to_number(name: str, text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise refusal(name, "a number above 0", text, "10")
    return value


def to_count(name: str, text: str, least: int) -> int:
    """A whole number."""
    if not (text.isascii() and text.isdigit() and len(text) < 19) or int(text) < least:
        raise refusal(name, f"a whole number of at least {least}", text, "100")
    return int(text)


def to_choice(name: str, text: str, *choices: str) -> str:
    """One of some words."""
    if text not in choices:
        raise refusal(name, " or ".join(choices), text)
    return text
