"""The expert: a hand-written policy that is told where the cube is, and picks it up."""

import numpy as np
from jaxtyping import Float32

GAIN = 12.0
"""Action per metre of distance: full speed where 8 cm or more remain."""

ABOVE_M = 0.10
"""Height above the cube at which the gripper stays until it is aligned with the cube."""

ALIGNED_M = 0.01
"""Largest horizontal distance at which the gripper counts as aligned with the cube."""

LOW_M = 0.01
"""Height above the cube's middle at which the fingers close."""

OPEN_M = 0.09
"""Least opening of the fingers that the cube fits into."""

HELD_M = 0.052
"""Largest opening at which the fingers count as holding the cube, which is 5 cm wide."""


def expert_action(
    privileged: Float32[np.ndarray, " num_privileged"],
) -> Float32[np.ndarray, " 4"]:
    """The expert's next action, which depends only on the current observation.

    The gripper moves over the cube with open fingers, goes down, closes the fingers, and lifts.

    Args:
        privileged: what `Observation.privileged` holds.

    Returns:
        Movement along x, y and z, where ±1 is ±5 cm, and fingers: −1 closes them, 1 opens them.
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
