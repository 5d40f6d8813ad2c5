"""Trains and judges the policies of a candidate."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyscale.data import Demonstrations
from polyscale.features import MapSource
from polyscale.learning.training import TrainContext
from polyscale.robot import (
    Controller,
    ControlOptions,
    ImitationData,
    PickingScene,
    Policy,
    Rollout,
    SceneSettings,
    action_errors,
    evaluate_policy,
    make_policy,
    train_policy,
)
from polyscale.robot.simulation.scene import simulator_versions
from polyscale.tasks.evaluation import Case
from polyscale.tasks.picking.settings import PickingSettings
from polyscale.tasks.picking.split import PickingSplit


@dataclass(frozen=True, kw_only=True, eq=False)
class Learner:
    """A trained policy of a candidate.

    Attributes:
        case: the candidate.
        number: of the policy: 0, 1, …, one for each seed.
        privileged: whether the policy gets `Observation.privileged`, which only a simulator knows,
            instead of `Observation.state`.
        policy: the trained policy.
        fingerprint: changes with everything that the policy depends on.
        facts: how it was trained, for the row of results.
    """

    case: Case
    number: int
    privileged: bool
    policy: Policy
    fingerprint: str
    facts: dict[str, Any]

    def act(self, seeds: tuple[int, ...], what: str, *, film: bool = False) -> list[Rollout]:
        """Run one episode for each seed, and return them in the order of the seeds.

        Args:
            seeds: seeds of the scenes.
            what: the name of these episodes in progress reports.
            film: whether to film them; a policy that sees no pictures is never filmed.
        """
        case, settings = self.case, self.case.settings
        scene = SceneSettings.from_json(case.data.scene)
        options = ControlOptions(
            horizon=settings.horizon or scene.horizon,
            action_steps=settings.action_steps,
            lockstep=settings.lockstep,
            privileged=self.privileged,
            film=film and self.policy.uses_images,
            parallel=case.parallel,
        )
        side_px = case.data.train.read(0).width if self.policy.uses_images else 0
        key = case.store.key(
            {
                "policy": self.fingerprint,
                "scene": case.data.scene,
                "simulator": simulator_versions(),
                "action_steps": options.action_steps,
                "horizon": options.horizon,
                "lockstep": options.lockstep,
            }
        )
        case.store.describe(key, f"{case.candidate}: episodes of policy {self.number + 1}")
        with case.stage("episodes"):
            return evaluate_policy(
                Controller(module=case.module, policy=self.policy, options=options),
                lambda: PickingScene(scene, side_px),
                seeds,
                case.store.folder / key,
                step=_step(case, what, self.number),
                progress=case.progress,
            )

    def errors(
        self, maps: MapSource, demonstrations: Demonstrations, frames: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Mean squared error of predicted actions in each episode.

        Args:
            maps: feature maps of all frames of the demonstrations.
            demonstrations: their states and actions.
            frames: indices of the frames of whole episodes (num_frames,).

        Returns:
            Errors in units of the actions' variances (num_episodes,).
        """
        data = _imitation_data(maps, demonstrations, privileged=self.privileged)
        with self.case.stage("judging"):
            found = action_errors(self.policy, data, frames)
        _, episode = np.unique(data.episode_of[frames], return_inverse=True)
        return np.bincount(episode, found) / np.bincount(episode)


def learn_to_act(case: Case, number: int, *, privileged: bool = False) -> Learner:
    """Train a policy on the demonstrations.

    The policy is kept in the feature store, and an interrupted training continues.

    Args:
        case: a candidate, and the `PickingSplit` of the run.
        number: of the policy: 0, 1, …, one for each seed.
        privileged: see `Learner`.
    """
    settings: PickingSettings = case.settings
    split: PickingSplit = case.prepared
    training = settings.training(number)
    data = _imitation_data(case.train, case.data.train, privileged=privileged)
    policy = make_policy(data, split.train_frames, seed=training.seed)
    facts = {
        "maps": list(case.feature_keys),
        "frames": split.train_frames.tolist(),
        "actions": case.data.train.target_fingerprint,
        "policy": policy.config,
        "privileged": privileged,
        "device": settings.device,
    }
    fingerprint = case.store.key({**facts, **asdict(training)})
    context = TrainContext(
        device=settings.device,
        checkpoint=case.store.folder / fingerprint / "policy.safetensors",
        fingerprint=fingerprint,
        progress=case.progress,
        step=_step(case, "training", number),
    )
    case.store.describe(fingerprint, f"{case.candidate}: policy {number + 1}")
    with case.stage("policies"):
        report = train_policy(policy, data, split.train_frames, training, context)
    return Learner(
        case=case,
        number=number,
        privileged=privileged,
        policy=policy,
        fingerprint=fingerprint,
        facts={
            "head": "a transformer of {blocks} blocks and {channels} channels on the last "
            "{history} steps, as in RPT".format(**policy.config),
            "training": asdict(training),
            "policy_params": sum(p.numel() for p in policy.parameters()),
            "steps": report.steps,
            "train_s": report.seconds,
            "loss": report.final_loss,
            "losses": list(report.losses),
        },
    )


def _imitation_data(
    maps: MapSource, demonstrations: Demonstrations, *, privileged: bool
) -> ImitationData:
    states = demonstrations.privileged if privileged else demonstrations.states
    assert states is not None, "only a simulated scene has privileged states"
    return ImitationData(
        maps=maps,
        states=states,
        actions=demonstrations.actions,
        episode_of=demonstrations.episode_of,
    )


def _step(case: Case, what: str, number: int) -> str:
    return f"{case.candidate}: {what}{f', policy {number + 1}' if number else ''}"
