"""The result of a comparison for Python and notebooks, just computed or read from its folder."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from polyscale import studies
from polyscale.checks import check_choice
from polyscale.errors import RunError, first_line, require
from polyscale.learning.heads.head_file import load_head
from polyscale.records import (
    Cascade,
    Contrast,
    Control,
    DataRecord,
    Failure,
    HardExamples,
    Probes,
    Recommendation,
    Reconstruction,
    Repeats,
    Result,
    Timing,
    Verdict,
)
from polyscale.report import write_report
from polyscale.studies import REPORT_FILES, check_out, is_finished, new_run, write_run
from polyscale.tasks import Scores
from polyscale.tasks.registry import heads_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from polyscale.report.run import Run

Table = Literal["rows", "contrasts"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Comparison:
    """Candidates on the same images: what `compare` finds, and what `read_run` reads again.

    A notebook shows it as its headline, a table and a chart.

    Attributes:
        rows: one for each candidate.
        contrasts: one for each pair of candidates.
        verdicts: whether the larger model is needed, for each family that has one.
        cascades: those of each family that has a verdict, if the task makes cascades.
        probes: candidate → what other probes find; empty where they were not asked for.
        controls: what S² does, taken apart; empty where that was not asked for.
        repeats: the comparison on other draws of the images; None where that was not asked for.
        reconstruction: how much of a larger model's features is a linear function of candidates';
            None where that was not asked for.
        hard: test images on which the larger model gains, for each family; empty where that was
            not asked for.
        failures: candidates that gave no result, and why.
        timing: where the time went; None for runs that do not say.
        data: the images, and what was found wrong with them.
        scores: candidate → its scores on the test images; `columns` hold every image.
        heads: candidate → what was trained, as far as it was kept.
        run: all of it, as sections of a report read it.
        study: what ran, with the images and the models; None if the comparison was read from a
            folder.
    """

    rows: tuple[Result, ...]
    contrasts: tuple[Contrast, ...]
    verdicts: tuple[Verdict, ...]
    cascades: tuple[Cascade, ...]
    probes: Mapping[str, Probes]
    controls: tuple[Control, ...]
    repeats: Repeats | None
    reconstruction: Reconstruction | None
    hard: tuple[HardExamples, ...]
    failures: tuple[Failure, ...]
    timing: Timing | None
    data: DataRecord | None
    scores: Mapping[str, Scores]
    heads: Mapping[str, Any]
    run: "Run"
    study: studies.Comparison | None = None

    @property
    def headline(self) -> str:
        """The answer in one sentence, as the report begins."""
        from polyscale.report.words import plain_answers

        return plain_answers(self.run)[0]

    @property
    def recommendation(self) -> Recommendation | None:
        """Which candidate to take, and how sure that is; None for a single one."""
        return self.run.recommendation

    def to_pandas(self, table: Table = "rows") -> Any:
        """A table as a pandas data frame.

        Args:
            table: "rows", one line for each candidate, which is the index; or "contrasts", one line
                for each pair, whose names are the index.

        Raises:
            InputError: for any other table.
            MissingExtraError: if pandas is not installed.
        """
        check_choice("table", table, ("rows", "contrasts"))
        require("pandas", extra="compare", feature="to_pandas")
        import pandas as pd

        index = ["candidate"] if table == "rows" else ["first", "second"]
        return pd.DataFrame([row.to_dict() for row in getattr(self, table)]).set_index(index)

    def plot(self) -> "Figure":
        """The metric of each candidate against its multiply-adds, as in `curves.png`."""
        from polyscale.report.curves import draw_figure

        return draw_figure(self.run)

    def save(self, folder: str | Path) -> None:
        """Write the run into a new folder, without its report; see docs/reference/run.md.

        Args:
            folder: a new folder, or one that holds this very run, which is left as it is.

        Raises:
            InputError: if the folder holds anything else.
            RunError: if the disk refuses.
        """
        out, study = Path(folder), self.study
        check_out(out)
        facts = study.plan.facts if study else self.rows[0].settings
        if not is_finished(out, facts, study.plan.files if study else ()):
            if study:
                write_run(study, out)
                return
            with new_run(out) as new:
                shutil.copytree(self.run.folder, new, dirs_exist_ok=True)

    def report(self, out: str | Path) -> Path:
        """Write the run and its report, as `polyscale compare --out` does.

        Args:
            out: a new folder, or one that holds this very run, which is left as it is.

        Returns:
            The path of `report.html`.

        Raises:
            InputError: if the folder holds anything else.
            RunError: if the disk refuses, or the report fails; the run is kept then.
        """
        self.save(out)
        return complete_report(Path(out))

    def __repr__(self) -> str:
        row = self.rows[0]
        return (
            f"<Comparison of {len(self.rows)} candidates on {row.data} ({row.task}, "
            f"{row.num_test} test images): {self.headline}>"
        )

    def _repr_html_(self) -> str:
        from polyscale.report.summary import render_summary

        return render_summary(self.run)


def of_study(study: studies.Comparison) -> Comparison:
    """The result that `polyscale.compare` returns, made from a study that has just run."""
    return _of_run(_to_run(study), scores=study.scores, heads=study.heads, study=study)


def read_run(folder: str | Path) -> Comparison:
    """Read what `polyscale compare` or `Comparison.save` wrote. No model is loaded or run.

    Args:
        folder: of a finished run.

    Raises:
        InputError: if a file is missing or damaged, or they do not belong together.
        MissingExtraError: if the extra `compare` is not installed.
    """
    for package in ("pyarrow", "scipy"):
        require(package, extra="compare", feature="read_run")
    from polyscale.report.read import read_run as read

    run = read(Path(folder))
    files = {r.candidate: Path(folder, r.probe["file"]) for r in run.results if "file" in r.probe}
    return _of_run(run, scores=_read_scores(run), heads=_SavedHeads(files))


def complete_report(out: Path) -> Path:
    """Write the report of a finished run that has none yet.

    Returns:
        The path of `report.html`.

    Raises:
        RunError: if that fails; the run is kept.
    """
    if not all((out / name).is_file() for name in REPORT_FILES):
        try:
            write_report(out)
        except Exception as error:
            raise RunError(
                f"report of {str(out)!r} cannot be written ({first_line(error)}), but the run is "
                f"finished and kept. To try again, run: polyscale report {out}"
            ) from error
    return out / "report.html"


class _SavedHeads(Mapping[str, Any]):
    """Candidate → its head, read when it is asked for."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files

    def __getitem__(self, candidate: str) -> Any:
        return load_head(self._files[candidate], heads_of).head

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _of_run(run: "Run", **others: Any) -> Comparison:
    shared = {f.name: getattr(run, f.name) for f in fields(Comparison) if hasattr(run, f.name)}
    return Comparison(**{**shared, "rows": run.results}, run=run, **others)


def _to_run(study: studies.Comparison) -> "Run":
    """A study as reports read it, without its pictures and what is known of each image."""
    from polyscale.report.run import Images, Run

    names = {f.name for f in fields(Run)} & {f.name for f in fields(study)}
    found = {name: getattr(study, name) for name in names}
    if study.reconstruction is not None:
        found["reconstruction"] = study.reconstruction.record
    return Run(
        **{name: value for name, value in found.items() if value is not None},
        task=study.plan.task.record(),
        results=study.rows,
        data=study.look.data if study.look else None,
        images=Images(ids=np.array(study.plan.data.test.ids, dtype=object), statistics={}),
        date=str(study.rows[0].settings["date"]),
    )


def _read_scores(run: "Run") -> dict[str, Scores]:
    """Candidate → its scores, with the images in the order of the file."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table, scores = pq.read_table(Path(run.folder) / run.task.images_file), {}
    names = ("correct",) if run.task.right_or_wrong else run.task.statistics
    for row in run.results:
        own = table.filter(pc.equal(table["candidate"], row.candidate))
        columns = {
            name: own[name].to_numpy()
            for name in own.column_names
            if name not in ("candidate", "id")
        }
        statistics = np.column_stack([np.stack(columns[name]) for name in names])
        is_single = statistics.shape[1] == 1
        scores[row.candidate] = Scores(
            value=row.value,
            columns=columns,
            others=row.scores,
            image_scores=statistics[:, 0] if is_single else np.full(len(own), np.nan),
            correct=columns["correct"] if run.task.right_or_wrong else None,
            statistics=None if run.task.right_or_wrong else statistics,
        )
    return scores
