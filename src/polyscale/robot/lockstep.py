"""Episodes in lockstep: a policy acts in several scenes at once, and sees them as one batch."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from io import BytesIO
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from polyscale.errors import InputError, RunError
from polyscale.operator.multiscale import MultiScale
from polyscale.operator.plan import check_count
from polyscale.robot.policy import Policy
from polyscale.robot.scene import Observation

Picture = UInt8[np.ndarray, "side side 3"]

FILM_PX = 224
"""Side of the frames of a film."""

FILM_EVERY = 2
"""A film keeps one frame in this many."""

FILM_MS = 120
"""Time for which a film shows each frame, in milliseconds: a little slower than real time."""


class Scene(Protocol):
    """What an episode runs in, such as `PickingScene`; one thread uses and closes it."""

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
        execute: number of predicted actions that are carried out before the next prediction.
        lockstep: number of episodes that run together, as one batch.
        privileged: whether the policy gets `Observation.privileged`, which only a simulator knows,
            instead of `Observation.state`.
        film: whether to film episodes.
        parallel: whether the module may run in several threads at once.
    """

    horizon: int
    execute: int = 1
    lockstep: int = 4
    privileged: bool = False
    film: bool = False
    parallel: bool = False

    def __post_init__(self) -> None:
        for name in ("horizon", "execute", "lockstep"):
            check_count(name, getattr(self, name))


@dataclass
class Seconds:
    """Seconds spent in each part of the control loop, summed over all threads.

    Attributes:
        scene: simulation and rendering.
        encoder: pictures → features.
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

    def add(self, others: "Seconds") -> None:
        """Add the times and steps of another thread."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(others, each.name))


@dataclass(frozen=True, kw_only=True)
class Episode:
    """The result of an episode.

    Attributes:
        seed: of the scene.
        lifted: whether the cube was lifted in time; if so, the episode ended at that moment.
        steps: number of actions until the episode ended.
        state: `Observation.privileged` at the end.
        film: an animated WebP; None where it was not filmed.
    """

    seed: int
    lifted: bool
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
        InputError: if `execute` is larger than the number of predicted actions, or the policy was
            trained on features of another shape.
    """

    module: MultiScale
    policy: Policy
    options: ControlOptions

    def __post_init__(self) -> None:
        if self.options.execute > self.policy.future:
            raise InputError(
                f"execute must be at most {self.policy.future}, the number of actions that the "
                f"policy predicts, but got {self.options.execute}. Lower it."
            )
        own = self.module.out_channels, tuple(self.module.plan.grid_hw)
        trained = self.policy.config["in_channels"], tuple(self.policy.config["grid_hw"])
        if self.policy.sees and own != trained:
            raise InputError(
                f"policy must have been trained on {own[0]} channels and {own[1]} cells, as "
                f"{self.module.backbone.name} at scales {self.module.scales} gives them, but was "
                f"trained on {trained[0]} channels and {trained[1]} cells. Use the encoder and "
                "the scales that it was trained on."
            )

    def encode(self, pictures: Sequence[Picture]) -> Float[Tensor, "num height width channels"]:
        """Feature maps of 8-bit RGB pictures, in float16 as feature extraction keeps them."""
        images = self.module.preprocess([Image.fromarray(picture) for picture in pictures])
        return self.module(images).map.permute(0, 2, 3, 1).to(torch.float16)


@dataclass(eq=False)
class _Running:
    """An episode that has not ended; the lists have an entry for each step so far."""

    scene: Scene
    seed: int
    now: Observation
    seen: list[Tensor] = field(default_factory=list)
    states: list[NDArray[np.float32]] = field(default_factory=list)
    before: list[NDArray[np.float32]] = field(default_factory=list)
    plan: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    frames: list[Image.Image] = field(default_factory=list)

    def film(self, *, at_end: bool = False) -> None:
        """Keep a small copy of the current picture if this step belongs to the film."""
        if at_end or len(self.states) % FILM_EVERY == 1:
            frame = Image.fromarray(self.now.picture)
            self.frames.append(frame.resize((FILM_PX, FILM_PX), Image.Resampling.BOX))

    def ended(self, options: ControlOptions) -> Episode:
        """The result of the episode."""
        if options.film:
            self.film(at_end=True)
        return Episode(
            seed=self.seed,
            lifted=self.now.lifted,
            steps=len(self.before) - 1,
            state=tuple(self.now.privileged.tolist()),
            film=_webp(self.frames) if options.film else None,
        )


def run_group(
    controller: Controller,
    scenes: Sequence[Scene],
    seeds: Sequence[int],
    seconds: Seconds,
    stop: threading.Event,
) -> list[Episode]:
    """Run episodes in lockstep until all have ended, or `stop` is set.

    Args:
        controller: the policy, its encoder and its options.
        scenes: at least one for each seed.
        seeds: of the scenes, one for each episode.
        seconds: the time spent in each part is added to it.
        stop: once it is set, all episodes end within one step.

    Raises:
        RunError: if an action is not finite.
    """
    options, first = controller.options, controller.policy.action.mean.cpu().numpy()
    with seconds.of("scene"):
        running = [
            _Running(scene, seed, scene.reset(seed), before=[first])
            for scene, seed in zip(scenes, seeds, strict=False)
        ]
    ended: list[Episode] = []
    for step in range(options.horizon):
        if not running or stop.is_set():
            break
        _observe(controller, running, seconds)
        if step % options.execute == 0:
            with seconds.of("policy"):
                _plan(controller, running)
        with seconds.of("scene"):
            for each in running:
                action = each.plan[step % options.execute]
                each.now = each.scene.step(action)
                each.before.append(action)
        seconds.steps += len(running)
        ended += [each.ended(options) for each in running if each.now.lifted]
        running = [each for each in running if not each.now.lifted]
    return ended + [each.ended(options) for each in running]


def _observe(controller: Controller, running: Sequence[_Running], seconds: Seconds) -> None:
    """Append the current observation of each episode to its lists."""
    policy, options = controller.policy, controller.options
    device = policy.positions.device
    if controller.policy.sees:
        with seconds.of("encoder"):
            maps = controller.encode([each.now.picture for each in running])
    else:
        shape = (len(running), *policy.config["grid_hw"], policy.config["in_channels"])
        maps = torch.zeros(shape, device=device)
    with seconds.of("policy"):
        for each, token in zip(running, policy.see(maps), strict=True):
            each.seen.append(token)
            each.states.append(each.now.privileged if options.privileged else each.now.state)
            if options.film:
                each.film()


def _plan(controller: Controller, running: Sequence[_Running]) -> None:
    """Predict the next actions of each episode from its last steps."""
    policy = controller.policy
    device, last = policy.positions.device, slice(-policy.history, None)

    def stacked(name: str) -> Tensor:
        rows = np.stack([np.stack(getattr(each, name)[last]) for each in running])
        return torch.from_numpy(rows).to(device)

    seen = torch.stack([torch.stack(each.seen[last]) for each in running])
    predicted = policy.predict(seen, stacked("states"), stacked("before"))[:, -1]
    actions = policy.action.undo(predicted).float().cpu().numpy()
    if not np.isfinite(actions).all():
        raise RunError(
            "actions must be finite, but the policy predicts NaN or infinity. Check the weights of "
            "the policy and the features of the pictures."
        )
    for each, plan in zip(running, actions, strict=True):
        each.plan = plan


def _webp(frames: Sequence[Image.Image]) -> bytes:
    content = BytesIO()
    options: dict[str, Any] = {"duration": FILM_MS, "loop": 0, "quality": 60, "method": 2}
    frames[0].save(content, "WEBP", save_all=True, append_images=frames[1:], **options)
    return content.getvalue()
