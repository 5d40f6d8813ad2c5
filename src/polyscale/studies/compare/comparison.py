"""What `compare` returns, and how it becomes the files of a run."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyscale.errors import RunError
from polyscale.records import (
    CONFIG_FILE,
    LOG_FILE,
    Cascade,
    Contrast,
    Control,
    Failure,
    Floor,
    FoundReconstruction,
    HardExamples,
    Look,
    Probes,
    Recommendation,
    Repeats,
    Result,
    SelectionGap,
    Timing,
    Verdict,
    append_log,
    write_json,
)
from polyscale.stats import paired_errors, sweet_spots_by_axis
from polyscale.studies.compare.config import config_text
from polyscale.studies.compare.hard import hard_csv, hard_pictures
from polyscale.studies.compare.heads import write_head
from polyscale.studies.compare.plan import ComparePlan
from polyscale.studies.run_folder import new_run
from polyscale.tasks import Evaluation, FinishedRun, Scores


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Candidates on the same images.

    Attributes:
        plan: what was asked: task, data and settings.
        rows: one for each candidate.
        contrasts: one for each pair of candidates.
        verdicts: whether the larger model is needed, for each family that has one.
        selection: each pair on the training images, by which candidates were chosen.
        recommendation: which candidate to take; None for a single one.
        evaluations: candidate → its head, and its scores on each test image.
        look: what the data hold, and pictures of them; None of a run that was read without them.
        gallery: test images on which candidates differ, as the task shows them.
        cascades: those of each family that has a verdict; None if the task makes no cascades.
        probes: candidate → what other probes find; None where they were not asked for.
        controls: what S² does, taken apart; None where that was not asked for.
        floors: what can be had without a vision model; None where that was left out.
        repeats: the comparison on other draws of the images; None where that was not asked for.
        hard: test images on which the larger model gains, for each family; None where that was not
            asked for.
        failures: candidates that gave no result, and why.
        timing: where the time went.
        reconstruction: what of a larger model's features is a linear function of the candidates';
            None where that was not asked for.
    """

    plan: ComparePlan
    rows: tuple[Result, ...]
    contrasts: tuple[Contrast, ...]
    verdicts: tuple[Verdict, ...]
    selection: tuple[SelectionGap, ...]
    recommendation: Recommendation | None
    evaluations: dict[str, Evaluation]
    look: Look | None
    gallery: Any
    cascades: tuple[Cascade, ...] | None
    probes: dict[str, Probes] | None
    controls: tuple[Control, ...] | None
    floors: tuple[Floor, ...] | None
    repeats: Repeats | None
    hard: tuple[HardExamples, ...] | None
    failures: tuple[Failure, ...]
    timing: Timing
    reconstruction: FoundReconstruction | None = None

    @property
    def data(self) -> Any:
        """What candidates were compared on."""
        return self.plan.data

    @property
    def scores(self) -> dict[str, Scores]:
        """Candidate → its scores on the test images; `columns` hold every image."""
        return {name: evaluation.scores for name, evaluation in self.evaluations.items()}

    @property
    def heads(self) -> dict[str, Any]:
        """Candidate → what was trained."""
        return {name: evaluation.head for name, evaluation in self.evaluations.items()}

    def save(self, folder: Path) -> None:
        """Write everything into an existing folder; see docs/reference/run.md."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        task = self.plan.task
        contents: dict[str, Any] = {
            "task": task.record(),
            "results": self.rows,
            "contrasts": self.contrasts,
            "verdicts": self.verdicts,
            "selection": self.selection,
            "recommendation": self.recommendation,
            "sweet_spots": sweet_spots_by_axis(
                self.rows, paired_errors(self.selection, self.contrasts)
            ),
            "cascades": self.cascades,
            "probes": self.probes,
            "controls": self.controls,
            "floors": self.floors,
            "repeats": self.repeats,
            "hard": self.hard,
            "reconstruction": self.reconstruction and self.reconstruction.record,
            "failures": self.failures or None,
            "timing": self.timing,
            "data": self.look.data if self.look else None,
        }
        for name, content in contents.items():
            if content is not None:
                write_json(folder / f"{name}.json", content)
        if config := config_text(self.plan):
            (folder / CONFIG_FILE).write_text(config, encoding="utf-8")
        rows = [row.to_dict() for row in self.rows]
        (folder / "results.csv").write_text(_csv(rows), encoding="utf-8")
        ids = list(self.data.test.ids)
        images = pa.concat_tables(
            pa.table({"candidate": [candidate] * len(ids), "id": ids, **scores.columns})
            for candidate, scores in self.scores.items()
        )
        pq.write_table(images, folder / task.images_file)
        pq.write_table(self.gallery, folder / "gallery.parquet")
        if self.hard is not None:
            (folder / "hard.csv").write_text(hard_csv(self.hard), encoding="utf-8")
            pq.write_table(hard_pictures(self.hard, self.plan), folder / "hard.parquet")
        if self.look is not None:
            self.look.write_pictures(folder)
        if self.reconstruction is not None:
            self.reconstruction.write_pictures(folder)
        finished = FinishedRun(
            data=self.data,
            settings=self.plan.settings,
            rows=self.rows,
            verdicts=self.verdicts,
            evaluations=self.evaluations,
        )
        task.write(folder, finished)
        for row in self.rows:
            write_head(folder, row, self.evaluations[row.candidate], self.plan)


def write_run(comparison: Comparison, out: Path) -> None:
    """Write a run into a new folder, and add its rows to the log beside it.

    Raises:
        RunError: if the disk refuses.
    """
    with new_run(out) as folder:
        comparison.save(folder)
    log = out.absolute().parent / LOG_FILE
    try:
        append_log(log, out.absolute().name, comparison.plan.task.record(), comparison.rows)
    except OSError as error:
        raise RunError(
            f"log {str(log)!r} cannot be written ({error.strerror or error}), but the run is "
            f"finished and kept in {str(out)!r}. Make room, or make the file writable."
        ) from error


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
