"""Numbers in, numbers out: paired resampling, tests and verdicts."""

from polyscale.stats.paired import accuracy_intervals, paired_contrasts
from polyscale.stats.verdict import judge

__all__ = ["accuracy_intervals", "judge", "paired_contrasts"]
