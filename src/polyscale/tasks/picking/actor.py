"""A trained policy and the encoder that it sees with: scenes → episodes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from polyscale.errors import InputError
from polyscale.operator.multiscale import MultiScale
from polyscale.robot import Controller, ControlOptions, Episode, PickingScene, Policy, SceneSettings
from polyscale.robot.episodes import judge
from polyscale.types import Progress, silent


class Actor(nn.Module):
    """What acts in the scene that its policy was trained in.

    Args:
        module: backbone and scales.
        policy: trained on their features.
        facts: of its file: "scene", "side_px", "execute", "horizon" and "live" are read here.
    """

    def __init__(self, module: MultiScale, policy: Policy, facts: Mapping[str, Any]) -> None:
        super().__init__()
        self.module, self.policy, self.facts = module, policy, facts
        self.scene = SceneSettings.from_json(facts["scene"])
        self.side_px = int(facts["side_px"])
        self.options = ControlOptions(
            horizon=facts["horizon"] or self.scene.horizon,
            execute=facts["execute"],
            film=True,
            parallel=not facts.get("live"),  # a user's own model may keep what a call left
        )

    @property
    def in_channels(self) -> int:
        """Channels of the maps that the policy takes."""
        channels: int = self.policy.config["in_channels"]
        return channels

    def act(
        self, seeds: Sequence[int], folder: Path, *, progress: Progress = silent
    ) -> list[Episode]:
        """An episode with a film for each seed; those that the folder holds are not run again.

        Args:
            seeds: of scenes.
            folder: gets `episodes.jsonl` with a line for each episode, and `films/SEED.webp`.
            progress: told after every episode.

        Raises:
            RunError: if nothing draws, the disk refuses, or an action is not finite.
        """
        return judge(
            Controller(module=self.module, policy=self.policy, options=self.options),
            lambda: PickingScene(self.scene, self.side_px),
            seeds,
            folder,
            progress=progress,
        )


def check_scene(facts: Mapping[str, Any]) -> None:
    """Raise an InputError for a policy whose scene nothing can simulate."""
    if facts["scene"] is None:
        raise InputError(
            f"head must be a policy of the simulated scene, but it was trained on {facts['data']}, "
            "whose scene cannot be simulated. Compare encoders on data fetch."
        )
