"""What `compare` returns, and how it becomes the files of a run."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyscale.errors import require
from polyscale.records import (
    Cascade,
    Contrast,
    Control,
    Failure,
    Probes,
    Result,
    Timing,
    Verdict,
    write_json,
)
from polyscale.stats import sweet_spots_by_axis
from polyscale.studies.compare.plan import ComparePlan
from polyscale.tasks import Evaluation, FinishedRun, Scores


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Candidates on the same images.

    Attributes:
        plan: what was asked: task, data and settings.
        rows: one for each candidate.
        contrasts: one for each pair of candidates.
        verdicts: whether the larger model is needed, for each family that has one.
        evaluations: candidate → its head, and its scores on each test image.
        gallery: test images on which candidates differ, as the task shows them.
        cascades: of each family with a verdict, where the task has them.
        probes: candidate → what other probes find; None where they were not asked for.
        controls: what S² does, taken apart; None where that was not asked for.
        failures: candidates that gave no result, and why.
        timing: where the time went.
    """

    plan: ComparePlan
    rows: tuple[Result, ...]
    contrasts: tuple[Contrast, ...]
    verdicts: tuple[Verdict, ...]
    evaluations: dict[str, Evaluation]
    gallery: Any
    cascades: tuple[Cascade, ...] | None
    probes: dict[str, Probes] | None
    controls: tuple[Control, ...] | None
    failures: tuple[Failure, ...]
    timing: Timing

    @property
    def data(self) -> Any:
        """What candidates were compared on."""
        return self.plan.data

    @property
    def scores(self) -> dict[str, Scores]:
        """Candidate → its scores on the test images; `columns` hold every image."""
        return {name: own.scores for name, own in self.evaluations.items()}

    @property
    def heads(self) -> dict[str, Any]:
        """Candidate → what was trained."""
        return {name: own.head for name, own in self.evaluations.items()}

    def to_pandas(self) -> Any:
        """The rows as a pandas table, one line for each candidate.

        Raises:
            MissingExtraError: if pandas is not installed.
        """
        require("pandas", extra="compare", feature="to_pandas")
        import pandas as pd

        return pd.DataFrame([row.to_dict() for row in self.rows]).set_index("candidate")

    def save(self, folder: Path) -> None:
        """Write everything into an existing folder; see docs/reference/run.md."""
        import pyarrow.parquet as pq

        task = self.plan.task
        rows = [row.to_dict() for row in self.rows]
        contents: dict[str, Any] = {
            "task": task.record().to_dict(),
            "results": rows,
            "contrasts": [contrast.to_dict() for contrast in self.contrasts],
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
            "sweet_spots": {
                axis: [spot.to_dict() for spot in spots]
                for axis, spots in sweet_spots_by_axis(self.rows).items()
            },
            "timing": self.timing.to_dict(),
            "data": task.data_facts(self.data),
            **self._addons(),
        }
        if self.failures:
            contents["failures"] = [failure.to_dict() for failure in self.failures]
        for name, content in contents.items():
            write_json(folder / f"{name}.json", content)
        (folder / "results.csv").write_text(_csv(rows), encoding="utf-8")
        pq.write_table(_images(self.scores, self.data.test.ids), folder / task.images_file)
        pq.write_table(self.gallery, folder / "gallery.parquet")
        finished = FinishedRun(
            data=self.data,
            settings=self.plan.settings,
            rows=self.rows,
            verdicts=self.verdicts,
            evaluations=self.evaluations,
            weights_hashes=self.plan.weights_hashes,
        )
        task.write(folder, finished)

    def _addons(self) -> dict[str, Any]:
        contents: dict[str, Any] = {}
        if self.cascades is not None:
            contents["cascades"] = [cascade.to_dict() for cascade in self.cascades]
        if self.probes is not None:
            contents["probes"] = {name: own.to_dict() for name, own in self.probes.items()}
        if self.controls is not None:
            contents["controls"] = [control.to_dict() for control in self.controls]
        return contents


def _images(scores: Mapping[str, Scores], ids: Sequence[str]) -> Any:
    """One row for each candidate and test image."""
    import pyarrow as pa

    return pa.concat_tables(
        pa.table({"candidate": [candidate] * len(ids), "id": list(ids), **own.columns})
        for candidate, own in scores.items()
    )


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line for each row; lists, settings and versions as JSON."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {k: v if isinstance(v, str | int | float) else json.dumps(v) for k, v in row.items()}
        )
    return text.getvalue()
