"""Answers to questions with options: which is preferred, and how many are right."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from polyscale.stats.intervals import accuracy_intervals


def preferred(losses: Sequence[float]) -> int | None:
    """The option with the smallest loss; None where several have it, or a loss is not a number.

    >>> preferred((2.5, 1.5, 3.0)), preferred((1.5, 1.5, 3.0))
    (1, None)
    """
    best = [i for i, loss in enumerate(losses) if loss <= min(losses)]
    return best[0] if len(best) == 1 and not any(map(isnan, losses)) else None


def answer_of(trials: Sequence[Sequence[float]]) -> tuple[int | None, float]:
    """The answer to a question that was asked in several ways.

    Args:
        trials: for each of them the losses of the options, of which the first is right.

    Returns:
        The option that more than half of the trials prefer, or None; and the share of trials that
        prefer the right one.

    >>> answer_of([(1, 2), (1, 3)]), answer_of([(1, 2), (3, 1)])
    ((0, 1.0), (None, 0.5))
    """
    counts = Counter(map(preferred, trials))
    option, most = counts.most_common(1)[0]
    return option if 2 * most > len(trials) else None, counts[0] / len(trials)


@dataclass(frozen=True, kw_only=True)
class RightShare:
    """How many questions are right, as a share with Wilson's 95 % interval."""

    right: int
    num: int
    ci_low: float
    ci_high: float

    @classmethod
    def of(cls, correct: NDArray[np.bool_]) -> "RightShare":
        """From whether each answer is right (num_questions,)."""
        ((low, high),) = accuracy_intervals({"": correct}).values()
        return cls(right=int(correct.sum()), num=len(correct), ci_low=low, ci_high=high)

    @property
    def value(self) -> float:
        """The share, 0 to 1."""
        return self.right / self.num
