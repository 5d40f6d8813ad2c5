"""A comparison from Python: the study and its report, which live in different layers."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import overload

from polyscale import studies
from polyscale.data import ClassificationData, DenseData
from polyscale.report import write_report
from polyscale.studies import (
    AnyComparison,
    AnySettings,
    CompareSettings,
    DenseSettings,
    Progress,
    check_out,
    is_finished,
    new_run,
    plan_study,
    run_study,
    silent,
)
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
        return _write(self, out)


@dataclass(frozen=True, kw_only=True)
class DenseComparison(studies.DenseComparison):
    """Candidates for segmentation or depth, and their report."""

    def report(self, out: str | Path) -> Path:
        """Write the run, its heads and its report, as `Comparison.report` does."""
        return _write(self, out)


@overload
def compare(
    data: str | ClassificationData,
    candidates: str | Sequence[str | Candidate],
    *,
    settings: CompareSettings | None = None,
    cache: Path | None = None,
    cache_limit_bytes: int | None = None,
    progress: Progress = silent,
) -> Comparison: ...


@overload
def compare(
    data: str | DenseData,
    candidates: str | Sequence[str | Candidate],
    *,
    settings: DenseSettings,
    cache: Path | None = None,
    cache_limit_bytes: int | None = None,
    progress: Progress = silent,
) -> DenseComparison: ...


def compare(
    data: str | ClassificationData | DenseData,
    candidates: str | Sequence[str | Candidate],
    *,
    settings: AnySettings | None = None,
    cache: Path | None = None,
    cache_limit_bytes: int | None = None,
    progress: Progress = silent,
) -> Comparison | DenseComparison:
    """Compare candidates on images with classes, or with a target for every pixel.

    Each scale's features are extracted once per backbone. A probe or head is trained on those of
    each candidate's scales, and judged on the test images.

    Args:
        data: `rooms`, `folder:PATH`, `csv:PATH`, `hf:NAME` or `imagenet:PATH`; for segmentation
            and depth `rooms`, `pairs:PATH`, `ade20k:PATH`, `nyu:PATH` or `hf:NAME`; or loaded
            data.
        candidates: `SOURCE@SCALES`, for example `pip:efficientnet_lite0@1,2`.
        settings: everything else that the numbers depend on. `DenseSettings(task="segmentation")`
            or `"depth"` says what is predicted; without, classes of images.
        cache: folder where features, and what is found in images, are kept between runs; None
            keeps nothing.
        cache_limit_bytes: what features may take there; None is no limit.
        progress: told what is being done.

    Raises:
        InputError: if an argument breaks its rule; no model has run then.
        MissingExtraError: if a package is not installed.
        RunError: if every candidate fails, or the disk refuses.
    """
    plan = plan_study(data, candidates, settings, image_cache=cache, progress=progress)
    found = run_study(plan, cache=cache, cache_limit_bytes=cache_limit_bytes, progress=progress)
    kind = DenseComparison if isinstance(found, studies.DenseComparison) else Comparison
    return kind(**{f.name: getattr(found, f.name) for f in fields(found)})


def _write(comparison: AnyComparison, out: str | Path) -> Path:
    out = Path(out)
    check_out(out)
    if not is_finished(out, comparison.rows[0].settings):
        with new_run(out) as folder:
            comparison.save(folder)
            write_report(folder)
    return out / "report.html"
