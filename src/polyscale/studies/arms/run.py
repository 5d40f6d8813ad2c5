"""Trains every backbone, compares the arms on frozen features, and combines the trainings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyscale.features import temporary_folder
from polyscale.learning.pretraining import Pretrained, pretrain
from polyscale.operator.backbones import load
from polyscale.operator.multiscale import MultiScale
from polyscale.studies.arms.combine import combine
from polyscale.studies.arms.plan import ArmsPlan
from polyscale.studies.arms.settings import BASE, DURING, LARGER
from polyscale.studies.compare import Comparison, plan_compare, run_compare
from polyscale.tasks import ClassificationSettings
from polyscale.types import Progress, silent

FAMILY = "four arms"


def run_arms(
    plan: ArmsPlan,
    *,
    trainings: str | Path,
    device: str = "auto",
    cache: str | Path | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Train the backbones of all arms, and compare the arms.

    If a run was interrupted, the same call continues it, with the same results.

    Args:
        plan: what to train and compare.
        trainings: folder that gets one folder for each training of a backbone.
        device: `cpu`, `cuda` or `auto`.
        cache: folder where features are kept between runs; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if a folder holds another training, naming what differs.
        MissingExtraError: if a package is not installed.
        RunError: if a loss becomes NaN, every candidate fails, or the disk refuses.
    """
    settings = plan.settings
    pretrained: list[dict[str, Pretrained]] = []
    for number in range(settings.seeds):
        pretrained.append({})
        for name, training in settings.trainings(number).items():
            pretrained[-1][name] = pretrain(
                training,
                plan.pretrain_data,
                out=Path(trainings) / f"seed-{training.seed}-{name}",
                device=device,
                progress=_named(progress, f"seed {training.seed}, {name}"),
            )
    with temporary_folder() as nowhere:
        comparisons = [
            _compare(plan, models, device, cache or nowhere, progress) for models in pretrained
        ]
    return combine(plan, comparisons, pretrained)


def _compare(
    plan: ArmsPlan,
    models: Mapping[str, Pretrained],
    device: str,
    cache: str | Path,
    progress: Progress,
) -> Comparison:
    """Compare the four arms by linear probes on frozen features."""
    scales = plan.settings.scales
    base, larger, during = (load(models[name].source) for name in (BASE, LARGER, DURING))
    candidates = [
        {BASE: [MultiScale(base, [1]), MultiScale(base, scales)]},
        {LARGER: MultiScale(larger, [1])},
        {DURING: MultiScale(during, scales)},
    ]
    settings = ClassificationSettings(
        source=plan.settings.base.source,
        seed=plan.seed,
        device=device,
        dtype="fp32",
        floors=False,
        costs=False,
    )
    family = {FAMILY: [BASE, LARGER, DURING]}
    given: dict[str, Any] = {"family": family, "progress": progress}
    return run_compare(
        plan_compare(plan.probe_data, candidates, settings, **given), cache=cache, progress=progress
    )


def _named(progress: Progress, name: str) -> Progress:
    """Report progress under this name, whatever the step calls itself."""

    def told(step: str, done: int, total: int, unit: str, *, note: str = "") -> None:
        progress(name, done, total, unit, note=note)

    return told
