"""A simulated robot that picks up a cube: scene, expert, demonstrations and trained policies."""

from polyscale.robot.control import run_episodes
from polyscale.robot.episodes import judge
from polyscale.robot.expert import expert_action
from polyscale.robot.lockstep import Controller, ControlOptions, Episode, Seconds
from polyscale.robot.policy import Policy
from polyscale.robot.recording import Recorded, record
from polyscale.robot.scene import Observation, PickingScene
from polyscale.robot.settings import SceneSettings
from polyscale.robot.sources import load_demonstrations
from polyscale.robot.starts import make_starts
from polyscale.robot.train import Demonstrated, action_errors, make_policy, train_policy

__all__ = [
    "ControlOptions",
    "Controller",
    "Demonstrated",
    "Episode",
    "Observation",
    "PickingScene",
    "Policy",
    "Recorded",
    "SceneSettings",
    "Seconds",
    "action_errors",
    "expert_action",
    "judge",
    "load_demonstrations",
    "make_policy",
    "make_starts",
    "record",
    "run_episodes",
    "train_policy",
]
