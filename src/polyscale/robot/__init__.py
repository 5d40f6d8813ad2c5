"""A simulated robot that picks a cube: its scene, an expert, and demonstrations of it."""

from polyscale.robot.expert import expert_action
from polyscale.robot.recording import Recorded, record
from polyscale.robot.scene import Observation, PickingScene
from polyscale.robot.settings import SceneSettings
from polyscale.robot.sources import load_demonstrations
from polyscale.robot.starts import make_starts

__all__ = [
    "Observation",
    "PickingScene",
    "Recorded",
    "SceneSettings",
    "expert_action",
    "load_demonstrations",
    "make_starts",
    "record",
]
