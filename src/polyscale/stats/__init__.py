"""Numbers in, numbers out: paired resampling, tests and verdicts."""

from polyscale.stats.paired import accuracy_intervals, paired_contrasts
from polyscale.stats.verdict import find_contrast, judge

__all__ = ["accuracy_intervals", "find_contrast", "judge", "paired_contrasts"]
