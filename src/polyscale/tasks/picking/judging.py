"""Scores of policies: how often they succeed, or how far their actions are from demonstrated ones.

If a candidate is trained several times, the score of an episode is the mean over its policies.
Episodes of several policies from the same start are not independent: the start is easy or hard for
all of them. A test that counted them as independent would be overconfident. Intervals and tests
therefore cover other policies as well as other episodes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from polyscale.data import EvaluationScenes
from polyscale.robot import Rollout
from polyscale.stats import MIN_SEEDS
from polyscale.tasks.evaluation import Scores

SUCCESS = "success"
ACTION_ERROR = "action_error"


def success_scores(
    episodes: Sequence[Sequence[Rollout]], scenes: EvaluationScenes | None = None
) -> tuple[Scores, list[float]]:
    """Score policies by how often they lift the cube.

    Args:
        episodes: the episodes of each policy, from the same scenes in the same order.
        scenes: where the episodes began, for the file of episodes.

    Returns:
        Scores, and the success rate of each policy, 0 to 1. Only the episodes of a single policy
        count as right or wrong.
    """
    success = np.array([[episode.success for episode in own] for own in episodes])
    share = success.mean(axis=0)
    columns = {
        SUCCESS: share.astype(np.float32),
        "correct": share > 0.5,
        "success_of_each": success.T.tolist(),
        "steps": np.array([[episode.steps for episode in own] for own in episodes]).T.tolist(),
    }
    if scenes is not None:
        columns |= {"x_m": scenes.cube_xy_m[:, 0], "y_m": scenes.cube_xy_m[:, 1]}
    scores = Scores(
        value=float(share.mean()),
        columns=columns,
        image_scores=share,
        correct=success[0] if len(success) == 1 else None,
        statistics=share[:, None],
        trainings=success.astype(np.float64) if len(success) >= MIN_SEEDS else None,
        details=episodes,
    )
    return scores, success.mean(axis=1).tolist()


def error_scores(errors: Sequence[NDArray[np.float64]]) -> tuple[Scores, list[float]]:
    """Score policies by how far their actions are from demonstrated ones.

    Args:
        errors: the errors of each policy, on the same episodes (num_episodes,).

    Returns:
        Scores, and the mean error of each policy.
    """
    mean = np.mean(errors, axis=0)
    scores = Scores(
        value=float(mean.mean()),
        columns={ACTION_ERROR: mean},
        image_scores=mean,
        statistics=mean[:, None],
        trainings=np.stack(errors) if len(errors) >= MIN_SEEDS else None,
    )
    return scores, [float(own.mean()) for own in errors]
