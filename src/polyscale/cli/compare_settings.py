"""Options of `polyscale compare` → the settings of a task."""

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from polyscale.errors import InputError
from polyscale.types import HW

if TYPE_CHECKING:
    from polyscale.tasks import RunSettings, Task

FIELDS = {
    "features": "feature",
    "steps": "training",
    "windows": "views",
    "flip": "views",
    "memory": "memory_bytes",
}
"""Options whose field of the settings has another name."""


def make_settings(task: "Task", shared: Mapping[str, Any], own: Mapping[str, Any]) -> "RunSettings":
    """The settings of a task, which refuse the options of another.

    Args:
        task: what is predicted.
        shared: options of every task.
        own: those of some tasks; None or False where they were not given.

    Raises:
        InputError: if an option is not one of the task or breaks its rule.
    """
    from polyscale.features import parse_bytes
    from polyscale.heads.dense.views import ViewSettings
    from polyscale.tasks import MapSettings

    kind = task.settings_type
    known = {field.name for field in fields(kind)}
    given = {name: v for name, v in own.items() if v is not None and v is not False}
    for name in given:
        if FIELDS.get(name, name) not in known:
            raise InputError(f"--{name} is no option of {task.name}. Leave it out.")
    options = {FIELDS.get(name, name): value for name, value in given.items() if name != "steps"}
    if "grid" in given:
        options["grid"] = parse_grid(given["grid"])
    if "memory" in given:
        options["memory_bytes"] = parse_bytes(given["memory"], name="--memory")
    if "views" in options:
        windows, flip = given.get("windows", "whole"), given.get("flip", False)
        options["views"] = ViewSettings(windows=windows, flip=flip)
    if "augment" in given and issubclass(kind, MapSettings):
        options["augment"] = kind.default_augment
    settings = kind(**shared, **options)
    if "steps" in given and isinstance(settings, MapSettings):
        return settings.with_steps(given["steps"])
    return settings


def parse_grid(text: str) -> str | HW:
    """`base`, `largest`, or `32x32` → the grid.

    Raises:
        InputError: if it is none of these.
    """
    if text in ("base", "largest"):
        return text
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) == 2 and all(p.isascii() and p.isdigit() and int(p) > 0 for p in parts):
        return int(parts[0]), int(parts[1])
    raise InputError(f"grid must be base, largest or HEIGHTxWIDTH in cells, but got {text!r}.")
