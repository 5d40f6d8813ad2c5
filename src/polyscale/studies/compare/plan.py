"""The first half of a comparison: everything is read and checked, no model runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polyscale.backbones import load
from polyscale.data import ClassificationData, load_classification
from polyscale.errors import InputError, require
from polyscale.features import pooled_columns
from polyscale.studies.compare.settings import CompareSettings
from polyscale.studies.planned import shared_facts, weights_of
from polyscale.studies.progress import Progress, silent
from polyscale.types import Backbone, Candidate

COLUMNS = {
    "both": "the class token where there is one, then the mean of the map",
    "cls": "the class token",
    "mean": "the mean of the map",
}


@dataclass(frozen=True)
class ComparePlan:
    """A comparison that is checked and ready to run.

    Attributes:
        data: the images.
        candidates: what is compared.
        settings: everything else.
        backbones: the models, loaded.
        facts: what the run is asked to do, as each row of its results keeps it.
    """

    data: ClassificationData
    candidates: tuple[Candidate, ...]
    settings: CompareSettings
    backbones: dict[str, Backbone]
    facts: dict[str, object]

    def weights(self, backbone: str) -> str:
        """The hash of its weights."""
        return weights_of(self.facts, backbone)


def plan_compare(
    data: str | ClassificationData,
    candidates: str | Sequence[str | Candidate],
    settings: CompareSettings | None = None,
    *,
    image_cache: Path | None = None,
    progress: Progress = silent,
) -> ComparePlan:
    """Read and check everything.

    Args:
        data: as `compare`.
        candidates: as `compare`.
        settings: as `compare`.
        image_cache: folder for what is found in images between runs; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: as `compare`.
        MissingExtraError: as `compare`.
    """
    settings = settings or CompareSettings()
    chosen = check_candidates(candidates)
    if isinstance(data, str):
        data = load_classification(data, seed=settings.seed, cache=image_cache, progress=progress)
    backbones = {c.backbone: load(c.backbone) for c in chosen}
    for candidate in chosen:
        backbone = backbones[candidate.backbone]
        settings.module(backbone, candidate.scales)
        pooled_columns(candidate.scales, dim=1, has_cls=backbone.has_cls, feature=settings.feature)
    facts = shared_facts(data, chosen, settings, backbones) | {
        "features": f"per scale: {COLUMNS[settings.feature]}",
        "intervals": "95 %: Wilson's for accuracies; of differences, percentiles of a paired "
        "bootstrap over test images, 10 000 resamples",
    }
    return ComparePlan(data, tuple(chosen), settings, backbones, facts)


def check_candidates(candidates: str | Sequence[str | Candidate]) -> list[Candidate]:
    """Candidates as the user wrote them → candidates, each different.

    Raises:
        InputError: if there is none, or one is given twice or can't be read.
        MissingExtraError: if what `compare` needs is not installed.
    """
    for package in ("sklearn", "scipy", "statsmodels", "pyarrow"):
        require(package, extra="compare", feature="compare")
    if isinstance(candidates, str):
        candidates = [candidates]
    parsed = [Candidate.parse(c) if isinstance(c, str) else c for c in candidates]
    if not parsed:
        raise InputError(
            "candidates must hold at least one, but is empty. "
            "Example: pip:efficientnet_lite0@1 pip:efficientnet_lite0@1,2"
        )
    names = [str(candidate) for candidate in parsed]
    for candidate in names:
        if names.count(candidate) > 1:
            raise InputError(f"candidates must differ, but {candidate} is given twice.")
    return parsed
