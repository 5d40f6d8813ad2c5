"""What `compare` returns."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from polyscale.data import ClassificationData
from polyscale.records import Contrast, Control, Failure, Probes, Result, Timing, Verdict
from polyscale.studies.compare.cascades import Cascade
from polyscale.studies.compare.save import write_run
from polyscale.studies.tables import rows_to_pandas

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Candidates on the same images.

    Attributes:
        rows: one for each candidate.
        contrasts: one for each pair of candidates.
        verdicts: whether the larger model is needed, for each family that has one.
        predictions: candidate → predicted class of each test image (num_test,).
        probabilities: candidate → probability given to the true class (num_test,).
        data: what they were compared on.
        cascades: of each family with a verdict.
        probes: candidate → what other probes say; None where they were not asked for.
        controls: what S² does, taken apart; None where that was not asked for.
        failures: candidates that gave no result, and why.
        timing: where the time went.
    """

    rows: tuple[Result, ...]
    contrasts: tuple[Contrast, ...]
    verdicts: tuple[Verdict, ...]
    predictions: dict[str, NDArray[np.int64]]
    probabilities: dict[str, NDArray[np.float64]]
    data: ClassificationData
    cascades: tuple[Cascade, ...]
    probes: dict[str, Probes] | None
    controls: tuple[Control, ...] | None
    failures: tuple[Failure, ...]
    timing: Timing

    def to_pandas(self) -> "pd.DataFrame":
        """The rows as a table, one line a candidate.

        Raises:
            MissingExtraError: if pandas is not installed.
        """
        return rows_to_pandas(self.rows)

    def save(self, folder: Path) -> None:
        """Write everything into an existing folder; see docs/reference/run.md."""
        write_run(self, folder)
