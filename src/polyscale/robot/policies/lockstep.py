"""Episodes in lockstep: a policy acts in several scenes at once, and sees them as one batch."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from polyscale.errors import RunError
from polyscale.robot.policies.controller import (
    Controller,
    ControlOptions,
    ControlTimes,
    Rollout,
    Scene,
)
from polyscale.robot.simulation.scene import Observation

FILM_PX = 224
"""Side of the frames of a film."""

FILM_EVERY = 2
"""A film keeps one frame in this many."""

FILM_MS = 120
"""Time for which a film shows each frame, in milliseconds: two thirds of the real speed."""


@dataclass(eq=False)
class _Running:
    """An episode that has not ended; `tokens` and `states` have an entry for each step so far."""

    scene: Scene
    seed: int
    now: Observation
    tokens: list[Tensor] = field(default_factory=list)
    states: list[NDArray[np.float32]] = field(default_factory=list)
    previous_actions: list[NDArray[np.float32]] = field(default_factory=list)
    plan: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    frames: list[Image.Image] = field(default_factory=list)

    def film(self, *, at_end: bool = False) -> None:
        """Keep a small copy of the current image if this step belongs to the film."""
        if at_end or len(self.states) % FILM_EVERY == 1:
            frame = Image.fromarray(self.now.image)
            self.frames.append(frame.resize((FILM_PX, FILM_PX), Image.Resampling.BOX))

    def ended(self, options: ControlOptions) -> Rollout:
        """The result of the episode."""
        if options.film:
            self.film(at_end=True)
        return Rollout(
            seed=self.seed,
            success=self.now.success,
            steps=len(self.previous_actions) - 1,
            state=tuple(self.now.privileged.tolist()),
            film=_webp(self.frames) if options.film else None,
        )


def run_group(
    controller: Controller,
    scenes: Sequence[Scene],
    seeds: Sequence[int],
    times: ControlTimes,
    stop: threading.Event,
) -> list[Rollout]:
    """Run episodes in lockstep until all have ended.

    Args:
        controller: the policy, its encoder and its options.
        scenes: at least one for each seed.
        seeds: seeds of the scenes, one for each episode.
        times: the time spent in each part is added to it.
        stop: once it is set, the call ends within one step, and what it returns is of no use.

    Returns:
        The episodes in the order in which they ended.

    Raises:
        RunError: if an action is not finite.
    """
    options, mean_action = controller.options, controller.policy.action.mean.cpu().numpy()
    with times.of("scene"):
        running = [
            _Running(scene, seed, scene.reset(seed), previous_actions=[mean_action])
            for scene, seed in zip(scenes, seeds, strict=False)
        ]
    ended: list[Rollout] = []
    for step in range(options.horizon):
        if not running or stop.is_set():
            break
        _observe(controller, running, times)
        if step % options.action_steps == 0:
            with times.of("policy"):
                _plan(controller, running)
        with times.of("scene"):
            for each in running:
                action = each.plan[step % options.action_steps]
                each.now = each.scene.step(action)
                each.previous_actions.append(action)
        times.steps += len(running)
        ended += [each.ended(options) for each in running if each.now.success]
        running = [each for each in running if not each.now.success]
    return ended + [each.ended(options) for each in running]


def _observe(controller: Controller, running: Sequence[_Running], times: ControlTimes) -> None:
    """Append the current observation of each episode to its lists."""
    policy, options = controller.policy, controller.options
    device = policy.positions.device
    if controller.policy.uses_images:
        with times.of("encoder"):
            maps = controller.encode([each.now.image for each in running])
    else:
        shape = (len(running), *policy.config["grid_hw"], policy.config["in_channels"])
        maps = torch.zeros(shape, device=device)
    with times.of("policy"):
        for each, token in zip(running, policy.visual_tokens(maps), strict=True):
            each.tokens.append(token)
            each.states.append(each.now.privileged if options.privileged else each.now.state)
    if options.film:
        for each in running:
            each.film()


def _plan(controller: Controller, running: Sequence[_Running]) -> None:
    """Predict the next actions of each episode from its last steps.

    They are clipped as the scene clips them, because the policy is later told the actions that were
    carried out, as in demonstrations.
    """
    policy = controller.policy
    device, last = policy.positions.device, slice(-policy.history, None)

    def stacked(name: str) -> Tensor:
        rows = np.stack([np.stack(getattr(each, name)[last]) for each in running])
        return torch.from_numpy(rows).to(device)

    tokens = torch.stack([torch.stack(each.tokens[last]) for each in running])
    predicted = policy.predict(tokens, stacked("states"), stacked("previous_actions"))[:, -1]
    actions = policy.action.undo(predicted).float().cpu().numpy()
    if not np.isfinite(actions).all():
        raise RunError(
            "actions must be finite, but the policy predicts NaN or infinity. Check the weights of "
            "the policy and the features of the images."
        )
    for each, plan in zip(running, actions, strict=True):
        each.plan = plan.clip(-each.scene.action_limit, each.scene.action_limit)


def _webp(frames: Sequence[Image.Image]) -> bytes:
    content = BytesIO()
    options: dict[str, Any] = {"duration": FILM_MS, "loop": 0, "quality": 60, "method": 2}
    frames[0].save(content, "WEBP", save_all=True, append_images=frames[1:], **options)
    return content.getvalue()
