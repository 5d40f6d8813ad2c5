"""Options of `polyscale compare` → the settings of a task."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from polyscale.errors import InputError, near_matches
from polyscale.types import HW

if TYPE_CHECKING:
    from polyscale.studies import AnySettings

CLASSIFICATION = {"protocol": "fast", "feature": "both", "probes": False, "controls": False}
"""Options of classification alone, and what they are where they are not given."""

CROP_HW = (512, 512)
"""Of altered training images, in pixels, as the paper's heads are trained."""


def make_settings(
    task: str,
    shared: Mapping[str, Any],
    classified: Mapping[str, Any],
    dense: Mapping[str, Any],
) -> "AnySettings":
    """The settings of a task, which refuse the options of another.

    Args:
        task: what is predicted.
        shared: options of every task.
        classified: those of classification.
        dense: those of segmentation and depth; None or False where they were not given.

    Raises:
        InputError: if there is no such task, or an option is not one of it or breaks its rule.
    """
    from polyscale.studies import TASKS, CompareSettings

    if task not in TASKS:
        raise InputError(
            f"task must be one of {', '.join(TASKS)}, but got {task!r}.{near_matches(task, TASKS)}"
        )
    if task == "classification":
        _refuse([name for name, value in dense.items() if value], task)
        return CompareSettings(**shared, **classified)
    _refuse([name for name, value in CLASSIFICATION.items() if classified[name] != value], task)
    return _dense_settings(task, shared, dense)


def _refuse(names: list[str], task: str) -> None:
    if names:
        option = {"feature": "features"}.get(names[0], names[0])
        raise InputError(f"--{option} is no option of {task}. Leave it out.")


def _dense_settings(task: str, shared: Mapping[str, Any], dense: Mapping[str, Any]) -> Any:
    from polyscale.features import parse_bytes
    from polyscale.heads.dense.augment import AugmentSettings
    from polyscale.heads.dense.views import ViewSettings
    from polyscale.studies import DenseSettings

    options: dict[str, Any] = {"task": task, **shared}
    if dense["head"] is not None:
        options["head"] = dense["head"]
    if dense["seeds"] is not None:
        options["seeds"] = dense["seeds"]
    if dense["grid"] is not None:
        options["grid"] = parse_grid(dense["grid"])
    if dense["memory"] is not None:
        options["memory_bytes"] = parse_bytes(dense["memory"], name="--memory")
    if dense["augment"]:
        # a larger picture looks nearer, while its metres stay
        resize = (1.0, 1.0) if task == "depth" else (0.5, 2.0)
        options["augment"] = AugmentSettings(crop_hw=CROP_HW, resize=resize)
    options["views"] = ViewSettings(windows=dense["windows"] or "whole", flip=dense["flip"])
    settings = DenseSettings(**options)
    if dense["steps"] is None:
        return settings
    own = settings.kind.training
    if own is None:
        raise InputError(
            f"steps must not be given for head {settings.head}, which is fitted in one go. "
            "Leave it out."
        )
    warmup = min(own.warmup_steps, dense["steps"] // 10)
    return replace(settings, training=replace(own, steps=dense["steps"], warmup_steps=warmup))


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
