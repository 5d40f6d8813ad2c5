"""Objects with many choices as one short line."""

from dataclasses import MISSING, fields
from typing import Any


def short_repr(choices: Any) -> str:
    """A dataclass with the fields that differ from their defaults: `Settings(seed=3)`."""
    changed = []
    for field in fields(choices):
        value = getattr(choices, field.name)
        make = field.default_factory
        if value != (field.default if make is MISSING else make()):
            changed.append(f"{field.name}={value!r}")
    return f"{type(choices).__name__}({', '.join(changed)})"
