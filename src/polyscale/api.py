"""A comparison from Python: the study and its report, which live on different floors."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from polyscale import studies
from polyscale.data import ClassificationData
from polyscale.report import write_report
from polyscale.studies import CompareSettings, Progress, check_out, is_finished, new_run, silent
from polyscale.types import Candidate


@dataclass(frozen=True, kw_only=True)
class Comparison(studies.Comparison):
    """Candidates on the same images, and their report."""

    def report(self, out: str | Path) -> Path:
        """Write the run and its report, as `polyscale compare --out` does.

        Args:
            out: a new folder, or one that holds this very run, which is left as it is.

        Returns:
            The path of `report.html`.

        Raises:
            InputError: if the folder holds anything else.
            RunError: if the disk refuses.
        """
        out = Path(out)
        check_out(out)
        if not is_finished(out, self.rows[0].settings):
            with new_run(out) as folder:
                self.save(folder)
                write_report(folder)
        return out / "report.html"


def compare(
    data: str | ClassificationData,
    candidates: str | Sequence[str | Candidate],
    *,
    settings: CompareSettings | None = None,
    cache: Path | None = None,
    cache_limit_bytes: int | None = None,
    progress: Progress = silent,
) -> Comparison:
    """`polyscale.studies.compare`, with a report.

    Args:
        data: `rooms`, `folder:PATH`, `csv:PATH`, `hf:NAME` or `imagenet:PATH`, or loaded data.
        candidates: `SOURCE@SCALES`, for example `pip:efficientnet_lite0@1,2`.
        settings: everything else that the numbers depend on.
        cache: folder where features, and what is found in images, are kept between runs; None
            keeps nothing.
        cache_limit_bytes: what features may take there; None is no limit.
        progress: told what is being done.

    Raises:
        InputError: if an argument breaks its rule; no model has run then.
        MissingExtraError: if a package is not installed.
        RunError: if every candidate fails, or the disk refuses.
    """
    found = studies.compare(
        data,
        candidates,
        settings=settings,
        cache=cache,
        cache_limit_bytes=cache_limit_bytes,
        progress=progress,
    )
    return Comparison(**{f.name: getattr(found, f.name) for f in fields(found)})
