"""Scores of policies: by what they achieve, or by how far they are from what was shown.

Where a candidate is trained several times, the score of an episode is the mean over its policies,
and episodes are resampled. An episode that two policies see is not two episodes: its start makes it
easy or hard for both, so that a test which counts episodes of all policies as independent would be
too sure. Intervals are those over episodes, for the policies that were trained; how far the value
moves with the training stands beside it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from polyscale.data import Starts
from polyscale.robot import Episode
from polyscale.tasks.evaluation import Scores

SUCCESS = "success"
ACTION_ERROR = "action_error"


def success_scores(
    episodes: Sequence[Sequence[Episode]], starts: Starts | None = None
) -> tuple[Scores, list[float]]:
    """How often the cube was lifted.

    Args:
        episodes: for each policy, those of the same starts.
        starts: where they began, for the file of episodes.

    Returns:
        Scores, and the success rate of each policy. Episodes of a single policy are right or wrong.
    """
    lifted = np.array([[episode.lifted for episode in own] for own in episodes])
    share = lifted.mean(axis=0)
    columns = {
        SUCCESS: share.astype(np.float32),
        "correct": share > 0.5,
        "lifted": lifted.T.tolist(),
        "steps": np.array([[episode.steps for episode in own] for own in episodes]).T.tolist(),
    }
    if starts is not None:
        columns |= {"x_m": starts.cube_xy_m[:, 0], "y_m": starts.cube_xy_m[:, 1]}
    scores = Scores(
        value=float(share.mean()),
        columns=columns,
        image_scores=share,
        correct=lifted[0] if len(lifted) == 1 else None,
        statistics=share[:, None],
        details=episodes,
    )
    return scores, lifted.mean(axis=1).tolist()


def error_scores(errors: Sequence[NDArray[np.float64]]) -> tuple[Scores, list[float]]:
    """How far actions are from those of demonstrations.

    Args:
        errors: for each policy, those of the same episodes.

    Returns:
        Scores, and the mean error of each policy.
    """
    mean = np.mean(errors, axis=0)
    scores = Scores(
        value=float(mean.mean()),
        columns={ACTION_ERROR: mean},
        image_scores=mean,
        statistics=mean[:, None],
    )
    return scores, [float(own.mean()) for own in errors]
