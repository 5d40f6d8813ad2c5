"""A policy that knows where the cube is, and picks it."""

import numpy as np
from jaxtyping import Float32

GAIN = 12.0
"""Action for each metre of distance: full speed from 8 cm on."""

ABOVE_M = 0.10
"""Height above the cube at which the gripper waits until it is over the cube."""

ALIGNED_M = 0.01
"""Horizontal distance at which the gripper is over the cube."""

LOW_M = 0.01
"""Height above the cube's middle at which the fingers close."""

OPEN_M = 0.09
"""Opening of the fingers that the cube fits into."""

HELD_M = 0.052
"""Opening of the fingers at which they hold the cube, 5 cm wide."""


def expert_action(
    privileged: Float32[np.ndarray, " num_privileged"],
) -> Float32[np.ndarray, " 4"]:
    """What to do next; it depends on nothing but what is the case.

    Over the cube with open fingers, down, close, up.

    Args:
        privileged: of an `Observation`.

    Returns:
        Movement along x, y and z, −1 to 1 for 5 cm, and fingers: −1 closes, 1 opens.
    """
    gripper, opening, cube = privileged[:3], privileged[6], privileged[7:10]
    away = (cube - gripper).astype(np.float64)
    if np.hypot(away[0], away[1]) > ALIGNED_M or (away[2] < -LOW_M and opening < HELD_M):
        target, fingers = away + np.array([0, 0, ABOVE_M]), 1.0
    elif away[2] < -LOW_M and opening < OPEN_M:
        target, fingers = np.zeros(3), 1.0
    elif away[2] < -LOW_M:
        target, fingers = away, 1.0
    elif opening > HELD_M:
        target, fingers = np.zeros(3), -1.0
    else:
        target, fingers = np.array([0, 0, 0.2]), -1.0
    return np.clip([*(GAIN * target), fingers], -1, 1).astype(np.float32)
