"""The second half of a comparison: features, probes, costs, statistics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from polyscale.cost import fitting_batch
from polyscale.errors import RunError
from polyscale.multiscale import MultiScale
from polyscale.records import Probes
from polyscale.stats import corrected_contrasts, judge, paired_contrasts
from polyscale.store import FeatureStore
from polyscale.studies.compare.cascades import make_cascades
from polyscale.studies.compare.comparison import Comparison
from polyscale.studies.compare.controls import ControlRun, finish_controls, run_controls
from polyscale.studies.compare.features import Extractor, Features
from polyscale.studies.compare.judged import Judged, judge_features
from polyscale.studies.compare.plan import ComparePlan
from polyscale.studies.compare.probes import run_probes
from polyscale.studies.compare.rows import Measured, make_rows
from polyscale.studies.costs import measure_in_turns
from polyscale.studies.failures import Failures
from polyscale.studies.planned import measured_facts, move, on_device
from polyscale.studies.progress import Progress, silent
from polyscale.studies.timing import Watch
from polyscale.types import HW, Backbone, Candidate


@dataclass
class _Found:
    """What is known so far."""

    modules: dict[Candidate, MultiScale] = field(default_factory=dict)
    judged: dict[Candidate, Judged] = field(default_factory=dict)
    probes: dict[Candidate, Probes] = field(default_factory=dict)
    controls: list[ControlRun] = field(default_factory=list)
    failures: Failures = field(default_factory=Failures)

    def survivors(self, plan: ComparePlan) -> list[Candidate]:
        """Candidates that nothing has failed of, in the order in which they were asked for."""
        return [c for c in plan.candidates if c in self.judged and c not in self.failures]


def run_compare(
    plan: ComparePlan,
    *,
    cache: Path | None = None,
    cache_limit_bytes: int | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Run a plan. A candidate that fails is left out, with the reason; the others go on.

    Args:
        plan: what to do.
        cache: folder where features are kept between runs; None keeps nothing.
        cache_limit_bytes: what features may take there; those that were not used for longest make
            room. None is no limit.
        progress: told what is being done.

    Raises:
        RunError: if every candidate fails, or the disk refuses.
    """
    watch, found = Watch(), _Found()
    with TemporaryDirectory() as nowhere:
        store = FeatureStore(cache or Path(nowhere), limit_bytes=cache_limit_bytes)
        extract = Extractor(plan, store, watch, progress)
        for backbone in plan.backbones.values():
            _look_at(backbone, plan, extract, found, watch, progress)
    image_hw: HW = plan.data.test.read(0).size[::-1]
    return _assemble(plan, found, image_hw, watch, progress)


def _look_at(
    backbone: Backbone,
    plan: ComparePlan,
    extract: Extractor,
    found: _Found,
    watch: Watch,
    progress: Progress,
) -> None:
    """Everything that needs features: one backbone's candidates."""
    members = on_device(backbone, plan, plan.settings.device, found.failures)
    features = extract.candidates(backbone, members, found.failures) if members else {}
    step = f"{backbone.name}: probes"
    for done, (candidate, own) in enumerate(features.items()):
        progress(step, done, len(members), "candidates")
        with found.failures.of(candidate):
            _judge(candidate, own, plan, found, watch)
            if plan.settings.controls and len(candidate.scales) > 1:
                with watch.stage("controls"):
                    found.controls += run_controls(candidate, own, plan, extract)
    progress(step, len(members), len(members), "candidates")
    move(backbone, "cpu")  # room for the next


def _judge(
    candidate: Candidate, features: Features, plan: ComparePlan, found: _Found, watch: Watch
) -> None:
    settings = plan.settings
    found.modules[candidate] = settings.module(features.backbone, candidate.scales)
    with watch.stage("probe"):
        columns = features.columns(candidate.scales, settings.feature)
        found.judged[candidate] = judge_features(*columns, plan)
    if settings.probes:
        with watch.stage("other probes"):
            found.probes[candidate] = run_probes(candidate, features, found.judged[candidate], plan)


def _assemble(
    plan: ComparePlan, found: _Found, image_hw: HW, watch: Watch, progress: Progress
) -> Comparison:
    settings, labels = plan.settings, plan.data.test.labels
    batch = fitting_batch(image_hw, torch.device(settings.device))
    with watch.stage("costs"):
        costs = measure_in_turns(
            {c: found.modules[c] for c in found.survivors(plan)},
            image_hw=image_hw,
            batch=batch,
            device=settings.device,
            failures=found.failures,
            progress=progress,
        )
        controls = finish_controls(
            [c for c in found.controls if c.candidate in costs],
            found.judged,
            costs,
            plan,
            image_hw=image_hw,
            batch=batch,
        )
    measured = {
        c: Measured(found.modules[c], found.judged[c], costs[c]) for c in found.survivors(plan)
    }
    if not measured:
        raise RunError(f"every candidate failed: {'; '.join(map(str, found.failures))}")
    facts = plan.facts | measured_facts(image_hw, batch)
    with watch.stage("statistics"):
        rows = make_rows(plan, measured, facts)
        contrasts = corrected_contrasts(
            rows,
            paired_contrasts(
                {str(c): m.judged.correct for c, m in measured.items()},
                margin=settings.margin,
                seed=settings.seed,
            ),
        )
        verdicts = judge(rows, contrasts)
        cascades = make_cascades(
            rows, verdicts, {str(c): m.judged for c, m in measured.items()}, plan
        )
    return Comparison(
        rows=rows,
        contrasts=tuple(contrasts),
        verdicts=tuple(verdicts),
        predictions={str(c): m.judged.answers for c, m in measured.items()},
        probabilities={
            str(c): m.judged.probe.probabilities[np.arange(len(labels)), labels]
            for c, m in measured.items()
        },
        data=plan.data,
        cascades=cascades,
        probes=_named(found.probes, measured) if settings.probes else None,
        controls=controls if settings.controls else None,
        failures=tuple(found.failures),
        timing=watch.timing(),
    )


def _named(
    probes: Mapping[Candidate, Probes], measured: Mapping[Candidate, Measured]
) -> dict[str, Probes]:
    return {str(c): probes[c] for c in measured}
