"""A training that was cut short goes on where it was.

A checkpoint is one safetensors file, whole or absent: weights, buffers, the moments of AdamW and
the losses so far, and as JSON what it was made for, so that no other training goes on from it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from polyscale.errors import InputError, require
from polyscale.heads.dense.settings import TrainSettings
from polyscale.heads.dense.tensor_file import read_tensors, write_tensors

FORMAT = 1
"""Raised when a checkpoint means something else."""

KEY = "polyscale_checkpoint"

WHAT = "a checkpoint"

SLOTS = ("step", "exp_avg", "exp_avg_sq")
"""What AdamW keeps of each parameter."""


@dataclass(frozen=True)
class Training:
    """What changes from step to step.

    Attributes:
        head: that learns.
        optimiser: of its parameters.
        scaler: of fp16 gradients; does nothing where it is off.
    """

    head: nn.Module
    optimiser: torch.optim.AdamW
    scaler: torch.amp.GradScaler


@dataclass(frozen=True)
class Reached:
    """How far a training has come.

    Attributes:
        step: the next one.
        losses: of the steps so far.
        seconds: it took so far.
    """

    step: int
    losses: Float[Tensor, " step"]
    seconds: float


def made_for(
    head: nn.Module, settings: TrainSettings, *, dtype: str, fingerprint: str
) -> dict[str, Any]:
    """What a training depends on, as JSON has it; a checkpoint is of use only where all agree."""
    shapes = {name: list(tensor.shape) for name, tensor in head.state_dict().items()}
    own = asdict(settings)
    del own["checkpoint_every"]  # changes no result
    facts = {
        "format": FORMAT,
        "head": type(head).__name__,
        **{f"head {name}": value for name, value in getattr(head, "config", {}).items()},
        "shapes of weights": blake2b(json.dumps(shapes).encode(), digest_size=8).hexdigest(),
        **own,
        "dtype": dtype,
        "fingerprint of features and targets": fingerprint,
    }
    return json.loads(json.dumps(facts))


def save_checkpoint(
    file: Path, training: Training, reached: Reached, facts: Mapping[str, Any]
) -> None:
    """Keep a training as it is between two steps.

    Raises:
        RunError: if the disk refuses.
    """
    tensors = {f"head.{name}": t for name, t in training.head.state_dict().items()}
    tensors |= {f"adam.{name}": t for name, t in _moments(training)}
    tensors["losses"] = reached.losses
    words = {
        "made_for": facts,
        "step": reached.step,
        "seconds": reached.seconds,
        "scaler": training.scaler.state_dict(),
    }
    write_tensors(file, tensors, KEY, words, what=WHAT)


def resume(file: Path, training: Training, facts: Mapping[str, Any]) -> Reached | None:
    """Bring a training to where a checkpoint left it; None where there is none.

    Raises:
        InputError: if the file is no checkpoint, or one of another training.
    """
    require("safetensors", extra="compare", feature=WHAT)  # before any long work
    if not file.exists():
        return None
    words, tensors = _read(file)
    _check_same(file, words["made_for"], facts)
    names = training.head.state_dict()
    training.head.load_state_dict({name: tensors[f"head.{name}"] for name in names})
    for name, parameter in training.head.named_parameters():
        if f"adam.step.{name}" in tensors:
            training.optimiser.state[parameter] = {
                slot: tensors[f"adam.{slot}.{name}"].to("cpu" if slot == "step" else parameter)
                for slot in SLOTS
            }
    if words["scaler"]:  # it was on
        training.scaler.load_state_dict(words["scaler"])
    return Reached(words["step"], tensors["losses"], words["seconds"])


def _moments(training: Training) -> Iterator[tuple[str, Tensor]]:
    for name, parameter in training.head.named_parameters():
        for slot, value in training.optimiser.state.get(parameter, {}).items():
            yield f"{slot}.{name}", value


def _read(file: Path) -> tuple[Mapping[str, Any], dict[str, Tensor]]:
    try:
        words, tensors = read_tensors(file, KEY, what=WHAT)
    except ValueError:
        words = None
    if not isinstance(words, dict):
        raise InputError(
            f"checkpoint must be one of a head in training, but {str(file)!r} is none or is "
            "damaged. Delete it to begin anew."
        )
    return words, tensors


def _check_same(file: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    differ = [
        f"{name} is {there.get(name)!r} there and {here.get(name)!r} here"
        for name in {**there, **here}
        if there.get(name) != here.get(name)
    ]
    if differ:
        raise InputError(
            f"checkpoint must be of the same training, but {str(file)!r} is of another: "
            f"{'; '.join(differ)}. Delete it to begin anew."
        )
