"""A simulated robot that picks up a cube: scene, expert, demonstrations and trained policies."""

from polyscale.robot.demonstrations.evaluation_scenes import make_evaluation_scenes
from polyscale.robot.demonstrations.recording import Recorded, record
from polyscale.robot.demonstrations.sources import load_demonstrations
from polyscale.robot.policies.controller import (
    Controller,
    ControlOptions,
    ControlTimes,
    Rollout,
    Scene,
)
from polyscale.robot.policies.evaluation import evaluate_policy
from polyscale.robot.policies.policy import Policy
from polyscale.robot.policies.rollouts import run_rollouts
from polyscale.robot.policies.train import action_errors, make_policy, train_policy
from polyscale.robot.policies.windows import ImitationData
from polyscale.robot.simulation.expert import expert_action
from polyscale.robot.simulation.scene import Observation, PickingScene
from polyscale.robot.simulation.settings import SceneSettings

__all__ = [
    "ControlOptions",
    "ControlTimes",
    "Controller",
    "ImitationData",
    "Observation",
    "PickingScene",
    "Policy",
    "Recorded",
    "Rollout",
    "Scene",
    "SceneSettings",
    "action_errors",
    "evaluate_policy",
    "expert_action",
    "load_demonstrations",
    "make_evaluation_scenes",
    "make_policy",
    "record",
    "run_rollouts",
    "train_policy",
]
