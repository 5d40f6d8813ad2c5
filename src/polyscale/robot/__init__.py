"""A simulated robot that picks up a cube: scene, expert, demonstrations and trained policies."""

from polyscale.robot.controller import Controller, ControlOptions, ControlTimes, Rollout
from polyscale.robot.evaluation import evaluate_policy
from polyscale.robot.evaluation_scenes import make_evaluation_scenes
from polyscale.robot.expert import expert_action
from polyscale.robot.policy import Policy
from polyscale.robot.recording import Recorded, record
from polyscale.robot.rollouts import run_rollouts
from polyscale.robot.scene import Observation, PickingScene
from polyscale.robot.settings import SceneSettings
from polyscale.robot.sources import load_demonstrations
from polyscale.robot.train import action_errors, make_policy, train_policy
from polyscale.robot.windows import ImitationData

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
