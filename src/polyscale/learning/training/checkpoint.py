"""Checkpoints: an interrupted training continues where it was.

A checkpoint is one safetensors file, whole or absent. It holds weights, buffers, the moments of
AdamW and the losses so far, with a checksum, and as JSON everything that the training depends on.
A checkpoint that is damaged or belongs to another training is renamed, with a warning, and
training starts again.
"""

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from polyscale.errors import RunError, first_line, require
from polyscale.learning.training.optimiser import TrainSettings
from polyscale.learning.training.tensor_file import read_tensors, write_tensors

FORMAT = 2
"""Increased when the content of a checkpoint changes its meaning."""

KEY = "polyscale_checkpoint"

WHAT = "a checkpoint"

SET_ASIDE = ".unused"
"""Suffix of a checkpoint that could not be used."""

SLOTS = ("step", "exp_avg", "exp_avg_sq")
"""What AdamW keeps for each parameter."""


@dataclass
class TrainState:
    """What changes from step to step.

    Attributes:
        module: what is trained.
        optimiser: of its parameters.
        scaler: of fp16 gradients; it does nothing where it is off.
        losses: of all steps; those of steps to come mean nothing.
        steps: number of completed steps.
        seconds: that these steps took.
    """

    module: nn.Module
    optimiser: torch.optim.AdamW
    scaler: torch.amp.GradScaler
    losses: Float[Tensor, " all_steps"]
    steps: int = 0
    seconds: float = 0.0


def training_identity(
    module: nn.Module, settings: TrainSettings, *, dtype: str, fingerprint: str
) -> dict[str, Any]:
    """Everything that a training depends on, as JSON; a checkpoint is used only if all agree.

    The attribute `config` of the module, if it has one, is part of the identity.
    """
    shapes = {name: list(tensor.shape) for name, tensor in module.state_dict().items()}
    choices = asdict(settings)
    del choices["checkpoint_every"]  # changes no result
    identity = {
        "format": FORMAT,
        "module": type(module).__name__,
        **{f"module {name}": value for name, value in getattr(module, "config", {}).items()},
        "shapes of weights": blake2b(json.dumps(shapes).encode(), digest_size=8).hexdigest(),
        **choices,
        "dtype": dtype,
        "fingerprint of the batches": fingerprint,
    }
    return json.loads(json.dumps(identity))


def save_checkpoint(file: Path, state: TrainState, identity: Mapping[str, Any]) -> None:
    """Write the state of a training between two steps.

    Raises:
        RunError: if the disk refuses.
    """
    tensors = {f"module.{name}": t for name, t in state.module.state_dict().items()}
    for name, parameter in state.module.named_parameters():
        for slot, value in state.optimiser.state.get(parameter, {}).items():
            tensors[f"adam.{slot}.{name}"] = value
    tensors["losses"] = state.losses[: state.steps]
    about = {
        "identity": identity,
        "steps": state.steps,
        "seconds": state.seconds,
        "scaler": state.scaler.state_dict(),
    }
    write_tensors(file, tensors, KEY, about, what=WHAT)


def resume(file: Path, state: TrainState, identity: Mapping[str, Any]) -> None:
    """Bring a training to where its checkpoint left it, if there is one that can be used.

    Warns:
        UserWarning: if the file cannot be used; it is renamed, and training starts again.

    Raises:
        RunError: if the file can neither be used nor renamed.
    """
    require("safetensors", extra="compare", feature=WHAT)  # before any long work
    if not file.exists():
        return
    try:
        about, tensors = read_checkpoint(file, identity)
    except FileNotFoundError:  # another run has renamed it
        return
    except ValueError as error:
        _set_aside(file, error)
        return
    module, optimiser = state.module, state.optimiser
    module.load_state_dict({name: tensors[f"module.{name}"] for name in module.state_dict()})
    for name, parameter in module.named_parameters():
        if f"adam.step.{name}" in tensors:
            optimiser.state[parameter] = {
                slot: tensors[f"adam.{slot}.{name}"].to("cpu" if slot == "step" else parameter)
                for slot in SLOTS
            }
    if about["scaler"]:  # it was on
        state.scaler.load_state_dict(about["scaler"])
    state.steps, state.seconds = about["steps"], about["seconds"]
    state.losses[: state.steps] = tensors["losses"]


def read_checkpoint(
    file: Path, identity: Mapping[str, Any]
) -> tuple[Mapping[str, Any], dict[str, Tensor]]:
    """Content of a checkpoint of this training.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is damaged, or of another training.
    """
    try:
        about, tensors, has_checksum = read_tensors(file, KEY, what=WHAT)
    except ValueError as error:
        raise ValueError(f"is damaged ({error})") from error
    if not has_checksum or not isinstance(about, dict):
        raise ValueError("is damaged, or no checkpoint of this version")
    saved = about["identity"]
    different = [
        f"{name} is {saved.get(name)!r} there and {identity.get(name)!r} here"
        for name in {**saved, **identity}
        if saved.get(name) != identity.get(name)
    ]
    if different:
        raise ValueError(f"is of another training: {'; '.join(different)}")
    return about, tensors


def _set_aside(file: Path, reason: ValueError) -> None:
    aside = file.with_name(file.name + SET_ASIDE)
    try:
        file.replace(aside)
    except FileNotFoundError:  # another run was faster
        return
    except OSError as error:
        raise RunError(
            f"checkpoint {str(file)!r} {reason} and cannot be renamed ({first_line(error)}). "
            "Delete it, or choose another file."
        ) from error
    warnings.warn(
        f"checkpoint {str(file)!r} {reason}. Training starts again, and the file is now "
        f"{aside.name!r}.",
        stacklevel=4,
    )
