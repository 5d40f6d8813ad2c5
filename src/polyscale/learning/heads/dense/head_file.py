"""A trained head as a file: its weights, and as JSON how to make it and what it was trained on.

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
"""Increased when the content of a file changes its meaning. Format 1 has no checksum."""

KEY = "polyscale_head"

WHAT = "a head"


@dataclass(frozen=True)
class LoadedHead:
    """A head from a file.

    Attributes:
        head: a `DenseHead` in `eval` mode, on the CPU.
        name: its kind, by the name in the registry.
        facts: what was saved with it.
        config: the arguments that made it.
        file: the file.
    """

    head: nn.Module
    name: str
    facts: Mapping[str, Any]
    config: Mapping[str, Any]
    file: Path


def save_head(path: Path, head: nn.Module, *, name: str, facts: Mapping[str, Any]) -> None:
    """Write a trained head; the file is whole or absent.

    Args:
        path: of the file.
        head: whose `config` makes it again.
        name: its kind, by the name in the registry.
        facts: what the head was trained on, JSON-like. "task" is a key of `HEADS`; `check_fits`
            compares "backbone", "weights_hash" and "scales", and `check_candidate` "candidate".

    Raises:
        RunError: if the disk refuses.
    """
    about = {"format": FORMAT, "name": name, "config": head.config, "facts": dict(facts)}
    write_tensors(path, head.state_dict(), KEY, about, what=WHAT)


def load_head(path: Path, kinds: Mapping[str, HeadKind] | None = None) -> LoadedHead:
    """Read a head and verify its checksum.

    Args:
        path: of the file.
        kinds: heads by name; None means those of the task that the file names.

    Raises:
        InputError: if the file is damaged, holds no head of polyscale, one that this version does
            not know, or weights that are not finite or do not match its configuration.
    """
    about, tensors = _read(path)
    name, config, facts = about["name"], about["config"], about["facts"]
    kinds = _kinds_of(path, facts) if kinds is None else kinds
    with torch.device("meta"):  # a configuration may claim any size
        expected = _make(path, name, config, kinds).state_dict()
    shapes, expected_shapes = (
        {name: list(tensor.shape) for name, tensor in state.items()}
        for state in (tensors, expected)
    )
    for tensor in sorted(shapes.keys() | expected_shapes.keys()):
        shape, expected_shape = shapes.get(tensor), expected_shapes.get(tensor)
        if shape != expected_shape:
            raise InputError(
                f"head {str(path)!r} must hold the weights of its configuration, but the shape of "
                f"{tensor} is {shape}, not {expected_shape}. Train it again."
            )
        if not tensors[tensor].isfinite().all():
            raise InputError(
                f"head {str(path)!r} must hold finite weights, but {tensor} has NaN or infinity. "
                "Train it again."
            )
    head = _make(path, name, config, kinds)
    head.load_state_dict(tensors)
    return LoadedHead(head.eval(), name, facts, config, path)


def check_candidate(loaded: LoadedHead, candidate: str) -> None:
    """Refuse the head of another candidate; files that name no candidate are accepted.

    Args:
        loaded: the head.
        candidate: to which it must belong.

    Raises:
        InputError: if it belongs to another one.
    """
    saved = loaded.facts.get("candidate", candidate)
    if saved != candidate:
        raise InputError(
            f"head {str(loaded.file)!r} must belong to {candidate}, as the results of its run say, "
            f"but it belongs to {saved}. Its file was exchanged with another: put it back, or run "
            "the comparison again."
        )


def check_fits(
    loaded: LoadedHead,
    *,
    channels: int,
    weights_hash: str,
    backbone: str,
    scales: Sequence[float],
) -> None:
    """Refuse features that a head was not trained on.

    Args:
        loaded: the head.
        channels: of the features.
        weights_hash: of the backbone that makes them.
        backbone: its name.
        scales: of the features.

    Raises:
        InputError: naming everything that differs.
    """
    trained_on = {**loaded.facts, "channels": loaded.config.get("in_channels")}
    given = {
        "backbone": backbone,
        "weights_hash": weights_hash,
        "channels": channels,
        "scales": [float(scale) for scale in scales],
    }
    different = [
        f"{name} {trained_on.get(name)!r}, not {value!r}"
        for name, value in given.items()
        if trained_on.get(name) != value
    ]
    if different:
        raise InputError(
            f"head {str(loaded.file)!r} must have been trained on these features, but it is a head "
            f"of other features: {'; '.join(different)}. Choose the file that was made with this "
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
                f"head {str(path)!r} must have a {name}, but it has no valid one. Train it again."
            )
    return about, tensors


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
        with torch.random.fork_rng([]):  # the initial weights are replaced
            return make(**config)
    except (TypeError, ValueError, RuntimeError, MemoryError) as error:
        raise InputError(
            f"head {str(path)!r} must have a configuration of {name}, but got {dict(config)} "
            f"({first_line(error)}). Use the version of polyscale that wrote it."
        ) from error
