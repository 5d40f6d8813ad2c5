"""What a dense comparison returns."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from polyscale.data import DenseData
from polyscale.records import Contrast, Failure, Result, Timing, Verdict
from polyscale.studies.dense.gallery import Picture
from polyscale.studies.dense.save import write_dense_run
from polyscale.studies.dense.task import Judged
from polyscale.studies.tables import rows_to_pandas

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class DenseComparison:
    """Candidates on the same images and targets.

    Attributes:
        rows: one for each candidate.
        contrasts: one for each pair of candidates.
        verdicts: whether the larger model is needed, for each family that has one.
        judged: candidate → how it did on each test image.
        heads: candidate → its trained head.
        pictures: test images on which candidates differ most, with their predictions.
        data: what they were compared on.
        failures: candidates that gave no result, and why.
        timing: where the time went.
    """

    rows: tuple[Result, ...]
    contrasts: tuple[Contrast, ...]
    verdicts: tuple[Verdict, ...]
    judged: dict[str, Judged]
    heads: dict[str, nn.Module]
    pictures: tuple[Picture, ...]
    data: DenseData
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
        write_dense_run(self, folder)
