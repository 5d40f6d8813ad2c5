"""Comparisons of every task behind one face: settings say which it is."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from polyscale.data import ClassificationData, DenseData
from polyscale.errors import InputError
from polyscale.studies.compare import (
    ComparePlan,
    CompareSettings,
    Comparison,
    plan_compare,
    run_compare,
)
from polyscale.studies.dense import (
    DenseComparison,
    DensePlan,
    DenseSettings,
    plan_dense,
    run_dense,
)
from polyscale.studies.progress import Progress, silent
from polyscale.types import Candidate

AnySettings: TypeAlias = CompareSettings | DenseSettings
AnyPlan: TypeAlias = ComparePlan | DensePlan
AnyComparison: TypeAlias = Comparison | DenseComparison

TASKS = ("classification", "segmentation", "depth")


def plan_study(
    data: str | ClassificationData | DenseData,
    candidates: str | Sequence[str | Candidate],
    settings: AnySettings | None = None,
    *,
    image_cache: Path | None = None,
    progress: Progress = silent,
) -> AnyPlan:
    """Read and check everything, for the task of the settings.

    Args:
        data: a name, or data of that task that is already loaded.
        candidates: `SOURCE@SCALES`, for example `pip:efficientnet_lite0@1,2`.
        settings: everything else that the numbers depend on; None classifies.
        image_cache: folder for what is found in images between runs; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if an argument breaks its rule.
        MissingExtraError: if a package is not installed.
    """
    if isinstance(settings, DenseSettings):
        if isinstance(data, ClassificationData):
            raise InputError(
                f"data must be loaded for {settings.task}, but {data.name} is for classification. "
                f"Load it with load_{settings.task}."
            )
        return plan_dense(data, candidates, settings, image_cache=image_cache, progress=progress)
    if not isinstance(data, str | ClassificationData):
        raise InputError(
            f"data must be loaded for classification, but {data.name} is not. "
            "Give DenseSettings, or load it with load_classification."
        )
    return plan_compare(data, candidates, settings, image_cache=image_cache, progress=progress)


def run_study(
    plan: AnyPlan,
    *,
    cache: Path | None = None,
    cache_limit_bytes: int | None = None,
    progress: Progress = silent,
) -> AnyComparison:
    """Run a plan of any task, as `run_compare` and `run_dense` do."""
    options = {"cache": cache, "cache_limit_bytes": cache_limit_bytes, "progress": progress}
    if isinstance(plan, DensePlan):
        return run_dense(plan, **options)  # type: ignore[arg-type]
    return run_compare(plan, **options)  # type: ignore[arg-type]
