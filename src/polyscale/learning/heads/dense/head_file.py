"""A trained head as a file: weights, and as JSON how to make the head and what it was trained on.

The file is safetensors with a checksum, see `polyscale.learning.training.tensor_file`; nothing in
it can be executed.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from polyscale.errors import InputError, first_line, near_matches
from polyscale.learning.heads.dense.registry import HEADS, HeadKind
from polyscale.learning.training import read_tensors, write_tensors

FORMAT = 2
"""Raised when a file means something else. Files of format 1 are the same without a checksum."""

KEY = "polyscale_head"

WHAT = "a head"


@dataclass(frozen=True)
class LoadedHead:
    """A head from a file.

    Attributes:
        head: a `DenseHead` in `eval` mode, on the CPU.
        name: its kind, as the registry calls it.
        facts: what was saved with it.
        config: the arguments that made it.
        file: where it came from.
    """

    head: nn.Module
    name: str
    facts: Mapping[str, Any]
    config: Mapping[str, Any]
    file: Path


def save_head(path: Path, head: nn.Module, *, name: str, facts: Mapping[str, Any]) -> None:
    """Keep a trained head; the file is whole or absent.

    Args:
        path: of the file.
        head: whose `config` makes it again.
        name: its kind, as the registry calls it.
        facts: what the head was trained on, JSON-like. "task" is a key of `HEADS`; `check_fits`
            compares "backbone", "weights_hash" and "scales".

    Raises:
        RunError: if the disk refuses.
    """
    about = {"format": FORMAT, "name": name, "config": head.config, "facts": dict(facts)}
    write_tensors(path, head.state_dict(), KEY, about, what=WHAT)


def load_head(path: Path, kinds: Mapping[str, HeadKind] | None = None) -> LoadedHead:
    """Read a head and verify its checksum.

    Args:
        path: of the file.
        kinds: heads by name; None takes those of the task that the file names.

    Raises:
        InputError: if the file is damaged, holds no head of polyscale, one that this version does
            not know, or weights that are not finite or do not fit its configuration.
    """
    about, tensors = _read(path)
    name, config, facts = about["name"], about["config"], about["facts"]
    kinds = _kinds_of(path, facts) if kinds is None else kinds
    with torch.device("meta"):  # a configuration may claim any size
        expected = {
            n: tuple(t.shape) for n, t in _make(path, name, config, kinds).state_dict().items()
        }
    actual = {n: tuple(t.shape) for n, t in tensors.items()}
    for tensor in sorted(expected.keys() | actual.keys()):
        if expected.get(tensor) != actual.get(tensor):
            raise InputError(
                f"head {str(path)!r} must hold the weights of its configuration, but {tensor} is "
                f"{_shape_text(actual.get(tensor))}, not {_shape_text(expected.get(tensor))}. "
                "Train it again."
            )
        if not tensors[tensor].isfinite().all():
            raise InputError(
                f"head {str(path)!r} must hold finite weights, but {tensor} has NaN or infinity. "
                "Train it again."
            )
    head = _make(path, name, config, kinds)
    head.load_state_dict(tensors)
    return LoadedHead(head.eval(), name, facts, config, path)


def check_fits(
    loaded: LoadedHead,
    *,
    channels: int,
    weights_hash: str,
    backbone: str,
    scales: Sequence[float] | None = None,
) -> None:
    """Refuse features that a head was not trained on.

    Args:
        loaded: the head.
        channels: of the features.
        weights_hash: of the backbone that makes them.
        backbone: its name.
        scales: of the features; None leaves them to the channels.

    Raises:
        InputError: naming all that differs.
    """
    there = {**loaded.facts, "channels": loaded.config.get("in_channels")}
    here: dict[str, Any] = {
        "backbone": backbone,
        "weights_hash": weights_hash,
        "channels": channels,
    }
    if scales is not None:
        here["scales"] = [float(scale) for scale in scales]
    differ = [
        f"{name} {there.get(name)!r}, not {value!r}"
        for name, value in here.items()
        if there.get(name) != value
    ]
    if differ:
        raise InputError(
            f"head {str(loaded.file)!r} must have been trained on these features, but it is a head "
            f"of other features: {'; '.join(differ)}. Choose the file that was made with this "
            "backbone and these scales, or train a head on them."
        )


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    try:
        about, tensors, has_checksum = read_tensors(path, KEY, what=WHAT)
    except FileNotFoundError as error:
        raise InputError(f"head must be a file, but there is no {str(path)!r}.") from error
    except ValueError as error:
        raise InputError(
            f"head must be a whole safetensors file, but {str(path)!r} is not "
            f"({first_line(error)}). Take a file that `polyscale compare` wrote."
        ) from error
    _check_about(path, about, has_checksum)
    return about, tensors


def _check_about(path: Path, about: object, has_checksum: bool) -> None:
    if not isinstance(about, dict) or "format" not in about:
        raise InputError(
            f"head must be a head of polyscale, but {str(path)!r} holds other weights. "
            "Take a file that `polyscale compare` wrote."
        )
    if about["format"] not in (1, FORMAT):
        raise InputError(
            f"head {str(path)!r} must be of format {FORMAT}, but got {about['format']!r}. "
            "Use the version of polyscale that wrote it, or a later one."
        )
    if about["format"] > 1 and not has_checksum:
        raise InputError(
            f"head {str(path)!r} must have a checksum, but it has none: the file is damaged. "
            "Train it again."
        )
    for name, kind in (("name", str), ("config", dict), ("facts", dict)):
        if not isinstance(about.get(name), kind):
            raise InputError(
                f"head {str(path)!r} must have a {name}, but it has none of use. Train it again."
            )


def _kinds_of(path: Path, facts: Mapping[str, Any]) -> Mapping[str, HeadKind]:
    task = facts.get("task")
    if not isinstance(task, str) or task not in HEADS:
        raise InputError(
            f"head {str(path)!r} must be for {' or '.join(HEADS)}, but got task {task!r}. "
            "Use the version of polyscale that wrote it."
        )
    return HEADS[task]


def _make(
    path: Path, name: str, config: Mapping[str, Any], kinds: Mapping[str, HeadKind]
) -> nn.Module:
    if name not in kinds:
        raise InputError(
            f"head {str(path)!r} must be one of {', '.join(kinds)}, but got {name!r}."
            f"{near_matches(name, kinds)} Use the version of polyscale that wrote it."
        )
    make = kinds[name].make
    try:
        inspect.signature(make).bind(**config)
        with torch.random.fork_rng([]):  # initial weights are of no use
            return make(**config)
    except (TypeError, ValueError, RuntimeError, MemoryError) as error:
        raise InputError(
            f"head {str(path)!r} must have a configuration of {name}, but got {dict(config)} "
            f"({first_line(error)}). Use the version of polyscale that wrote it."
        ) from error


def _shape_text(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else "×".join(map(str, shape)) or "one number"
