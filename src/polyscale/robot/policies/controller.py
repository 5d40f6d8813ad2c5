"""The parts of a rollout: a controller (policy and encoder), its options, a scene, a result."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from PIL import Image
from torch import Tensor

from polyscale.checks import check_integers
from polyscale.errors import InputError
from polyscale.operator.multiscale import MultiScale
from polyscale.robot.policies.policy import Policy
from polyscale.robot.simulation.scene import Observation

CameraImage = UInt8[np.ndarray, "side side 3"]


class Scene(Protocol):
    """A scene in which an episode runs, such as `PickingScene`; one thread uses and closes it.

    Attributes:
        action_limit: actions are clipped to ± this value before they are carried out.
    """

    action_limit: float

    def reset(self, seed: int) -> Observation:
        """Begin an episode, which depends on the seed alone."""
        ...

    def step(self, action: Float32[np.ndarray, " num_action"]) -> Observation:
        """Carry out one action, and observe the result."""
        ...

    def close(self) -> None:
        """Release the renderer."""
        ...


@dataclass(frozen=True, kw_only=True)
class ControlOptions:
    """How a policy acts.

    Attributes:
        horizon: number of actions within which an episode must succeed.
        action_steps: number of predicted actions that are carried out before the next prediction.
        lockstep: number of episodes that run together, as one batch.
        privileged: whether the policy gets `Observation.privileged`, which only a simulator knows,
            instead of `Observation.state`.
        film: whether to film episodes.
        parallel: whether the module may run in several threads at once.
    """

    horizon: int
    action_steps: int = 1
    lockstep: int = 4
    privileged: bool = False
    film: bool = False
    parallel: bool = False

    def __post_init__(self) -> None:
        check_integers(self, "horizon", "action_steps", "lockstep")


@dataclass
class ControlTimes:
    """Seconds spent in each part of the control loop, summed over all threads.

    Attributes:
        scene: simulation and rendering.
        encoder: images → features.
        policy: features → actions.
        steps: number of steps, summed over episodes.
    """

    scene: float = 0.0
    encoder: float = 0.0
    policy: float = 0.0
    steps: int = 0

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Add the time that a `with` block takes to a part: "scene", "encoder" or "policy"."""
        start = time.perf_counter()
        yield
        setattr(self, part, getattr(self, part) + time.perf_counter() - start)

    def add(self, others: "ControlTimes") -> None:
        """Add the times and steps of another thread."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(others, each.name))


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """An episode in which a policy acted.

    Attributes:
        seed: seed of the scene.
        success: whether the policy succeeded in time; if so, the episode ended at that moment.
        steps: number of actions until the episode ended.
        state: `Observation.privileged` at the end.
        film: an animated WebP; None where it was not filmed.
    """

    seed: int
    success: bool
    steps: int
    state: tuple[float, ...]
    film: bytes | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Controller:
    """A policy, its encoder, and how it acts.

    Attributes:
        module: the encoder: the backbone and scales whose features the policy was trained on.
        policy: on the device of the module, in `eval` mode.
        options: how it acts.

    Raises:
        InputError: if `action_steps` is larger than the number of predicted actions, or the policy
            was trained on features of another shape.
    """

    module: MultiScale
    policy: Policy
    options: ControlOptions

    def __post_init__(self) -> None:
        if self.options.action_steps > self.policy.chunk_size:
            raise InputError(
                f"action_steps must be at most {self.policy.chunk_size}, the number of actions "
                f"that the policy predicts, but got {self.options.action_steps}. Lower it."
            )
        own = self.module.out_channels, tuple(self.module.plan.grid_hw)
        trained = self.policy.config["in_channels"], tuple(self.policy.config["grid_hw"])
        if self.policy.uses_images and own != trained:
            raise InputError(
                f"policy must have been trained on {own[0]} channels and {own[1]} cells, as "
                f"{self.module.backbone.name} at scales {self.module.scales} gives them, but was "
                f"trained on {trained[0]} channels and {trained[1]} cells. Use the encoder and "
                "the scales that it was trained on."
            )

    def encode(self, images: Sequence[CameraImage]) -> Float[Tensor, "num height width channels"]:
        """Feature maps of 8-bit RGB images, in float16 as feature extraction keeps them."""
        pixels = self.module.preprocess([Image.fromarray(image) for image in images])
        return self.module(pixels).map.permute(0, 2, 3, 1).to(torch.float16)
