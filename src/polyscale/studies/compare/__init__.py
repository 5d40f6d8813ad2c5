"""Do I need a larger vision model? Candidates on the same images, at their cost (Figure 2)."""

from collections.abc import Sequence
from pathlib import Path

from polyscale.data import ClassificationData
from polyscale.studies.compare.comparison import Comparison
from polyscale.studies.compare.plan import ComparePlan, check_candidates, plan_compare
from polyscale.studies.compare.run import run_compare
from polyscale.studies.compare.settings import CompareSettings
from polyscale.studies.failures import Failure
from polyscale.studies.progress import Progress, silent
from polyscale.types import Candidate

__all__ = [
    "ComparePlan",
    "CompareSettings",
    "Comparison",
    "Failure",
    "check_candidates",
    "compare",
    "plan_compare",
    "run_compare",
]


def compare(
    data: str | ClassificationData,
    candidates: str | Sequence[str | Candidate],
    *,
    settings: CompareSettings | None = None,
    cache: Path | None = None,
    cache_limit_bytes: int | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Compare candidates on labelled images.

    Each scale's features are extracted once per backbone. A probe is trained on the pooled
    features of each candidate's scales, and judged on the test images.

    Args:
        data: what `load_classification` takes, or data that is already loaded.
        candidates: `SOURCE@SCALES`, for example `pip:efficientnet_lite0@1,2`.
        settings: everything else that the numbers depend on.
        cache: folder where features, and what is found in images, are kept between runs; None
            keeps nothing.
        cache_limit_bytes: as `run_compare`.
        progress: told what is being done.

    Raises:
        InputError: if an argument breaks its rule; no model has run then.
        MissingExtraError: if a package is not installed.
        RunError: if every candidate fails, or the disk refuses.
    """
    plan = plan_compare(data, candidates, settings, image_cache=cache, progress=progress)
    return run_compare(plan, cache=cache, cache_limit_bytes=cache_limit_bytes, progress=progress)
