"""A trained head as a file: its weights, and as JSON how to make it and what it was trained on.

The file is safetensors with a checksum, see `polyscale.learning.training.tensor_file`; nothing in
it can be executed.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from polyscale.errors import InputError, first_line, near_matches
from polyscale.learning.heads.dense.registry import HeadKind
from polyscale.learning.heads.linear_head import LinearHead
from polyscale.learning.training import read_tensors, write_tensors

FORMAT = 2
"""Increased when the content of a file changes its meaning. Format 1 has no checksum."""

KEY = "polyscale_head"

WHAT = "a head"

POOLED_HEADS = {
    "linear": HeadKind(make=LinearHead, training=None, about="Linear map of pooled features")
}
"""Heads of tasks that describe each image by one row of numbers."""

OTHER_FILE = "Take a file that `polyscale compare` wrote."
OTHER_VERSION = "Use the version of polyscale that wrote it, or a later one."


@dataclass(frozen=True)
class LoadedHead:
    """A head from a file.

    Attributes:
        head: a `DenseHead` or a `LinearHead` in `eval` mode, on the CPU.
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
        facts: what the head was trained on, JSON-like: "task" says which kinds there are;
            "candidate" and "weights_hash" are checked when the head is used.

    Raises:
        RunError: if the disk refuses.
    """
    about = {"format": FORMAT, "name": name, "config": head.config, "facts": dict(facts)}
    write_tensors(path, head.state_dict(), KEY, about, what=WHAT)


def load_head(path: Path, kinds_of: Callable[[str], Mapping[str, HeadKind]]) -> LoadedHead:
    """Read a head and verify its checksum.

    Args:
        path: of the file.
        kinds_of: name of the task that the file is of → its heads by name.

    Raises:
        InputError: if the file is damaged, holds no head of polyscale, one that this version does
            not know, or weights that are not finite or do not match its configuration.
    """
    about, tensors = _read(path)
    name, config, facts = about["name"], about["config"], about["facts"]
    if not isinstance(task := facts.get("task"), str):
        raise _refused(path, "name its task", f"got {task!r}", OTHER_VERSION)
    kinds = kinds_of(task)
    with torch.device("meta"):  # a configuration may claim any size
        expected = _make(path, name, config, kinds).state_dict()
    shapes, expected_shapes = (
        {name: list(tensor.shape) for name, tensor in state.items()}
        for state in (tensors, expected)
    )
    for tensor in sorted(shapes.keys() | expected_shapes.keys()):
        shape, expected_shape = shapes.get(tensor), expected_shapes.get(tensor)
        if shape != expected_shape:
            reason = f"the shape of {tensor} is {shape}, not {expected_shape}"
            raise _refused(path, "hold the weights of its configuration", reason)
        if not tensors[tensor].isfinite().all():
            raise _refused(path, "hold finite weights", f"{tensor} has NaN or infinity")
    head = _make(path, name, config, kinds)
    head.load_state_dict(tensors)
    return LoadedHead(head.eval(), name, facts, config, path)


def check_candidate(loaded: LoadedHead, candidate: str) -> None:
    """Refuse the head of another candidate; files that name no candidate are accepted.

    Raises:
        InputError: if the head belongs to another candidate.
    """
    saved = loaded.facts.get("candidate", candidate)
    if saved != candidate:
        rule = f"belong to {candidate}, as the results of its run say"
        advice = "Put exchanged files back, or run the comparison again."
        raise _refused(loaded.file, rule, f"it belongs to {saved}", advice)


def check_fits(loaded: LoadedHead, **features: Any) -> None:
    """Refuse features that a head was not trained on.

    Args:
        loaded: the head.
        features: "channels", and any of the facts, for example "weights_hash" and "scales".

    Raises:
        InputError: naming everything that differs.
    """
    trained_on = {**loaded.facts, "channels": loaded.config.get("in_channels")}
    different = [
        f"{name} {trained_on.get(name)!r}, not {value!r}"
        for name, value in features.items()
        if trained_on.get(name) != value
    ]
    if different:
        reason = f"it is a head of other features: {'; '.join(different)}"
        advice = "Choose the file of this backbone and these scales, or train a head on them."
        raise _refused(loaded.file, "have been trained on these features", reason, advice)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """What a file says of its head, and its tensors."""
    if path.is_dir():
        raise InputError(f"head must be a file, but {str(path)!r} is a folder. Name a file in it.")
    try:
        about, tensors, has_checksum = read_tensors(path, KEY, what=WHAT)
    except FileNotFoundError as error:
        raise InputError(f"head must be a file, but there is no {str(path)!r}.") from error
    except ValueError as error:
        reason = f"it is not ({first_line(error)})"
        raise _refused(path, "be a whole safetensors file", reason, OTHER_FILE) from error
    if not isinstance(about, dict) or "format" not in about:
        raise _refused(path, "be a head of polyscale", "it holds other weights", OTHER_FILE)
    if about["format"] not in (1, FORMAT):
        raise _refused(path, f"be of format {FORMAT}", f"got {about['format']!r}", OTHER_VERSION)
    if about["format"] > 1 and not has_checksum:
        raise _refused(path, "have a checksum", "it has none: the file is damaged")
    for name, kind in (("name", str), ("config", dict), ("facts", dict)):
        if not isinstance(about.get(name), kind):
            raise _refused(path, f"have a {name}", "it has no valid one")
    return about, tensors


def _make(
    path: Path, name: str, config: Mapping[str, Any], kinds: Mapping[str, HeadKind]
) -> nn.Module:
    if name not in kinds:
        advice = f"{near_matches(name, kinds)} {OTHER_VERSION}".strip()
        raise _refused(path, f"be one of {', '.join(kinds)}", f"got {name!r}", advice)
    make = kinds[name].make
    try:
        inspect.signature(make).bind(**config)
        with torch.random.fork_rng([]):  # the initial weights are replaced
            return make(**config)
    except (TypeError, ValueError, RuntimeError, MemoryError) as error:
        reason = f"got {dict(config)} ({first_line(error)})"
        raise _refused(path, f"have a configuration of {name}", reason, OTHER_VERSION) from error


def _refused(path: Path, rule: str, reason: str, advice: str = "Train it again.") -> InputError:
    return InputError(f"head {str(path)!r} must {rule}, but {reason}. {advice}")
