"""A trained policy with its encoder, which acts in scenes: seeds → episodes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from polyscale.errors import InputError
from polyscale.operator.multiscale import MultiScale
from polyscale.robot import Controller, ControlOptions, PickingScene, Policy, Rollout, SceneSettings
from polyscale.robot.policies.evaluation import evaluate_policy
from polyscale.types import Progress, silent


class Actor(nn.Module):
    """A policy with its encoder, which acts in the scene that the policy was trained in.

    Args:
        module: the encoder: a backbone and its scales.
        policy: trained on features of the encoder.
        facts: of the policy's file, of which "scene", "side_px", "action_steps", "horizon" and
            "live" are used.
    """

    def __init__(self, module: MultiScale, policy: Policy, facts: Mapping[str, Any]) -> None:
        super().__init__()
        self.module, self.policy, self.facts = module, policy, facts
        self.scene = SceneSettings.from_json(facts["scene"])
        self.side_px = int(facts["side_px"])
        self.options = ControlOptions(
            horizon=facts["horizon"] or self.scene.horizon,
            action_steps=facts["action_steps"],
            film=True,
            parallel=not facts.get("live"),  # a user's own model may keep what a call left
        )

    @property
    def in_channels(self) -> int:
        """Number of channels of the feature maps that the policy takes."""
        channels: int = self.policy.config["in_channels"]
        return channels

    def act(
        self, seeds: Sequence[int], folder: Path, *, progress: Progress = silent
    ) -> list[Rollout]:
        """Run and film one episode for each seed; those that the folder holds are not run again.

        Args:
            seeds: seeds of the scenes.
            folder: gets `episodes.jsonl` with a line for each episode, and `films/SEED.webp`.
            progress: told after every group of episodes.

        Returns:
            The episodes in the order of the seeds.

        Raises:
            RunError: if no library can render, files cannot be written, or an action is not finite.
        """
        return evaluate_policy(
            Controller(module=self.module, policy=self.policy, options=self.options),
            lambda: PickingScene(self.scene, self.side_px),
            seeds,
            folder,
            progress=progress,
        )


def check_scene(facts: Mapping[str, Any]) -> None:
    """Raise an InputError for a policy whose scene cannot be simulated."""
    if facts["scene"] is None:
        raise InputError(
            f"head must be a policy of the simulated scene, but it was trained on {facts['data']}, "
            "whose scene cannot be simulated. Compare encoders on data fetch."
        )
