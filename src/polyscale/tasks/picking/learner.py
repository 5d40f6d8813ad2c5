"""The policy of a candidate: how it is trained, and how it is judged."""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyscale.features import MapSource
from polyscale.learning.training import TrainContext
from polyscale.robot import (
    Controller,
    ControlOptions,
    Demonstrated,
    Episode,
    PickingScene,
    Policy,
    SceneSettings,
    action_errors,
    judge,
    make_policy,
    train_policy,
)
from polyscale.tasks.evaluation import Case
from polyscale.tasks.picking.settings import PickingSettings
from polyscale.tasks.picking.split import PickingSplit


class Learner:
    """A policy of a candidate that has learned from the demonstrations.

    It is kept in the store like features are, and a training that was interrupted continues.

    Args:
        case: a candidate, and the `PickingSplit` of the run.
        number: of the training: 0, 1, … of several seeds.
        privileged: whether the policy is told what only a simulator knows, in place of the robot's
            state.
    """

    def __init__(self, case: Case, number: int, *, privileged: bool = False) -> None:
        self.case, self.number, self.privileged = case, number, privileged
        settings: PickingSettings = case.settings
        split: PickingSplit = case.prepared
        data = self._demonstrated(case.train, case.data.train)
        training = settings.training(number)
        policy = make_policy(data, split.learn, seed=training.seed)
        self.fingerprint = self._fingerprint(policy, asdict(training))
        context = TrainContext(
            device=settings.device,
            checkpoint=case.store.folder / self.fingerprint / "policy.safetensors",
            fingerprint=self.fingerprint,
            progress=case.progress,
            step=self._step("training"),
        )
        with case.stage("training policies"):
            report = train_policy(policy, data, split.learn, training, context)
        self.policy: Policy = policy
        self.facts: dict[str, Any] = {
            "head": "a transformer of 4 blocks and 192 channels on the last 16 steps (RPT)",
            "training": asdict(training),
            "params": sum(p.numel() for p in policy.parameters()),
            "steps": report.steps,
            "train_s": report.seconds,
            "loss": report.final_loss,
            "losses": list(report.losses),
        }

    @property
    def sees(self) -> bool:
        """Whether what it does depends on pictures."""
        return self.policy.sees

    def act(self, seeds: tuple[int, ...], what: str, *, film: bool = False) -> list[Episode]:
        """An episode for each seed, in their order.

        Args:
            seeds: of the scene.
            what: how progress calls them.
            film: whether to film them.
        """
        case, settings = self.case, self.case.settings
        scene = SceneSettings.from_json(case.data.scene)
        options = ControlOptions(
            horizon=scene.horizon,
            execute=settings.execute,
            lockstep=settings.lockstep,
            privileged=self.privileged,
            film=film,
            parallel=case.parallel,
        )
        controller = Controller(module=case.module, policy=self.policy, options=options)
        side_px = case.data.train.read(0).width if self.sees else 0
        key = case.store.key(
            {"policy": self.fingerprint, "execute": settings.execute, "scene": case.data.scene}
        )
        with case.stage("episodes"):
            return judge(
                controller,
                lambda: PickingScene(scene, side_px),
                seeds,
                case.store.folder / key,
                step=self._step(what),
                progress=case.progress,
            )

    def errors(
        self, maps: MapSource, demonstrations: Any, frames: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Mean squared error of the predicted actions, for the episode of some frames each.

        Args:
            maps: of all frames of the demonstrations.
            demonstrations: that show what was done.
            frames: of whole episodes.

        Returns:
            Errors in units of the actions' standard deviations (num_episodes,).
        """
        data = self._demonstrated(maps, demonstrations)
        with self.case.stage("judging"):
            found = action_errors(self.policy, data, frames)
        _, episode = np.unique(data.episode_of[frames], return_inverse=True)
        return np.bincount(episode, found) / np.bincount(episode)

    def _demonstrated(self, maps: MapSource, demonstrations: Any) -> Demonstrated:
        states = demonstrations.privileged if self.privileged else demonstrations.states
        return Demonstrated(
            maps=maps,
            states=states,
            actions=demonstrations.actions,
            episode_of=demonstrations.episode_of,
        )

    def _step(self, what: str) -> str:
        return f"{self.case.candidate}: {what}{f', seed {self.number + 1}' if self.number else ''}"

    def _fingerprint(self, policy: Policy, training: dict[str, Any]) -> str:
        """Changes with everything that a trained policy depends on."""
        case = self.case
        return case.store.key(
            {
                "maps": list(case.feature_keys),
                "learn": case.prepared.learn.tolist(),
                "actions": case.data.train.target_fingerprint,
                "policy": policy.config,
                "privileged": self.privileged,
                "device": case.settings.device,
                **training,
            }
        )
