"""The second half of a dense comparison: maps, heads, costs, statistics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from polyscale.cost import Cost, fitting_batch
from polyscale.errors import RunError
from polyscale.features import FeatureStore, feature_key, temporary_folder
from polyscale.multiscale import MultiScale
from polyscale.records import METRICS
from polyscale.records.timing import Watch
from polyscale.stats import corrected_contrasts, image_contrasts, image_intervals, judge
from polyscale.studies.costs import measure_in_turns
from polyscale.studies.dense.comparison import DenseComparison
from polyscale.studies.dense.features import ByScale, DenseFeatures, MapExtractor, join
from polyscale.studies.dense.fit import Fitted, Kept, fit_head
from polyscale.studies.dense.gallery import Picture, choose_pictures, draw_pictures
from polyscale.studies.dense.judge import held_out_value, judge_head
from polyscale.studies.dense.lesson import Lesson, make_lesson, raster_targets
from polyscale.studies.dense.plan import DensePlan
from polyscale.studies.dense.predictor import DensePredictor
from polyscale.studies.dense.rows import Measured, make_rows
from polyscale.studies.dense.samples import RasterTargets, Samples
from polyscale.studies.dense.task import Judged
from polyscale.studies.failures import Failures
from polyscale.studies.planned import measured_facts, move, on_device
from polyscale.studies.progress import Progress, silent
from polyscale.types import HW, Backbone, Candidate


@dataclass
class _Found:
    """What is known so far of the candidates."""

    predictors: dict[Candidate, DensePredictor] = field(default_factory=dict)
    fitted: dict[Candidate, Fitted] = field(default_factory=dict)
    judged: dict[Candidate, Judged] = field(default_factory=dict)
    by_seed: dict[Candidate, list[float]] = field(default_factory=dict)
    selection: dict[Candidate, float] = field(default_factory=dict)
    maps: dict[Candidate, ByScale] = field(default_factory=dict)
    failures: Failures = field(default_factory=Failures)

    def survivors(self, plan: DensePlan) -> list[Candidate]:
        """Candidates that nothing has failed of, in the order in which they were asked for."""
        return [c for c in plan.candidates if c in self.judged and c not in self.failures]


@dataclass(frozen=True)
class _Work:
    """What every candidate needs."""

    plan: DensePlan
    lesson: Lesson
    test: Samples
    store: FeatureStore
    watch: Watch
    progress: Progress
    targets: dict[HW, RasterTargets] = field(default_factory=dict)

    def raster(self, backbone: Backbone) -> RasterTargets:
        """Targets of the lesson, read once for all backbones of an aspect."""
        height, width = backbone.tile_hw
        if backbone.tile_hw not in self.targets:
            same = [t for hw, t in self.targets.items() if hw[0] * width == hw[1] * height]
            found = same[0] if same else raster_targets(self.plan, self.lesson, backbone)
            self.targets[backbone.tile_hw] = found
        return self.targets[backbone.tile_hw]


def run_dense(
    plan: DensePlan,
    *,
    cache: Path | None = None,
    cache_limit_bytes: int | None = None,
    progress: Progress = silent,
) -> DenseComparison:
    """Run a plan. A candidate that fails is left out, with the reason; the others go on.

    Args:
        plan: what to do.
        cache: folder where maps and heads are kept between runs; None keeps nothing.
        cache_limit_bytes: what they may take there; those that were not used for longest make
            room. None is no limit.
        progress: told what is being done.

    Raises:
        RunError: if every candidate fails, or the disk refuses.
    """
    watch, found = Watch(), _Found()
    with temporary_folder() as nowhere:
        store = FeatureStore(cache or nowhere, limit_bytes=cache_limit_bytes)
        test = Samples.of(plan.data.test, plan.settings.views)
        work = _Work(plan, make_lesson(plan), test, store, watch, progress)
        extract = MapExtractor(plan, work.lesson.samples, test, store, watch, progress)
        for backbone in plan.backbones.values():
            _look_at(backbone, extract, work, found)
        with watch.stage("pictures"):
            pictures = _pictures(work, found)
    return _assemble(work, found, pictures)


def _look_at(backbone: Backbone, extract: MapExtractor, work: _Work, found: _Found) -> None:
    """Everything that needs maps: one backbone's candidates."""
    plan = work.plan
    members = on_device(backbone, plan, plan.settings.device, found.failures)
    features = extract.candidates(backbone, members, found.failures) if members else {}
    for candidate, own in features.items():
        with found.failures.of(candidate):
            _learn(candidate, own, work, found)
    move(backbone, "cpu")  # room for the next


def _learn(candidate: Candidate, features: DenseFeatures, work: _Work, found: _Found) -> None:
    plan, watch = work.plan, work.watch
    settings, task = plan.settings, plan.task
    module = settings.module(plan.backbones[candidate.backbone], candidate.scales)
    with watch.stage("heads"):
        kept = Kept(
            join(features.train, module, memory_bytes=settings.memory_bytes),
            work.raster(module.backbone),
            _fingerprint(module, work, plan.weights(candidate.backbone)),
        )
        heads = [
            fit_head(
                module,
                work.lesson,
                kept,
                plan,
                store=work.store,
                seed=settings.seed + number,
                step=_step(candidate, f"{settings.head} head", number),
                progress=work.progress,
            )
            for number in range(settings.seeds)
        ]
        found.selection[candidate] = held_out_value(heads[0].head, kept, work.lesson, task)
    with watch.stage("judging"):
        maps = join(features.test, module)
        judged = [
            judge_head(
                fitted.head,
                maps,
                work.test,
                task,
                step=_step(candidate, "test images", number),
                progress=work.progress,
            )
            for number, fitted in enumerate(heads)
        ]
    found.predictors[candidate] = DensePredictor(
        module, heads[0].head, settings.views, task.outputs
    )
    found.fitted[candidate], found.maps[candidate] = heads[0], features.test
    found.judged[candidate] = judged[0]
    found.by_seed[candidate] = [one.value for one in judged]


def _step(candidate: Candidate, what: str, number: int) -> str:
    return f"{candidate}: {what}{f', seed {number + 1}' if number else ''}"


def _fingerprint(module: MultiScale, work: _Work, weights: str) -> str:
    """Of all that a candidate's maps and targets depend on."""
    plan, samples = work.plan, work.lesson.samples
    return work.store.key(
        {
            "maps": [
                feature_key(module, level, samples, weights, map_hw=module.plan.grid_hw)
                for level in module.plan.levels
            ],
            "merge": plan.settings.merge,
            "learn": [int(i) for i in work.lesson.images],
            "targets": plan.data.train.target_fingerprint,
            "label_px": plan.settings.label_px,
            "head_arguments": plan.task.head_arguments,
        }
    )


def _pictures(work: _Work, found: _Found) -> list[Picture]:
    judged = {c: found.judged[c] for c in found.survivors(work.plan)}
    if not judged:
        return []
    heads = {c: found.fitted[c].head for c in judged}
    maps = {c: join(found.maps[c], found.predictors[c].module) for c in judged}
    return draw_pictures(
        choose_pictures(judged), heads, maps, judged, work.test, work.plan.task.outputs
    )


def _assemble(work: _Work, found: _Found, pictures: list[Picture]) -> DenseComparison:
    plan, watch, settings = work.plan, work.watch, work.plan.settings
    image_hw = plan.data.test.sizes_hw[0]
    batch = fitting_batch(image_hw, torch.device(settings.device))
    with watch.stage("costs"):
        costs = _costs(work, found, image_hw, batch)
    measured = {
        c: Measured(
            predictor=found.predictors[c],
            fitted=found.fitted[c],
            judged=found.judged[c],
            by_seed=tuple(found.by_seed[c]),
            selection_value=found.selection[c],
            cost=costs[c],
        )
        for c in found.survivors(plan)
    }
    if not measured:
        raise RunError(f"every candidate failed: {'; '.join(map(str, found.failures))}")
    facts = plan.facts | measured_facts(image_hw, batch)
    with watch.stage("statistics"):
        statistics = {str(c): m.judged.statistics for c, m in measured.items()}
        intervals = image_intervals(statistics, plan.task.resampled, seed=settings.seed)
        rows = make_rows(plan, work.lesson, measured, intervals, facts)
        contrasts = corrected_contrasts(
            rows,
            image_contrasts(
                statistics,
                plan.task.resampled,
                metric=METRICS[plan.task.metric],
                margin=settings.margin,
                seed=settings.seed,
            ),
        )
        verdicts = judge(rows, contrasts)
    return DenseComparison(
        rows=rows,
        contrasts=tuple(contrasts),
        verdicts=tuple(verdicts),
        judged={str(c): m.judged for c, m in measured.items()},
        heads={str(c): m.fitted.head for c, m in measured.items()},
        pictures=tuple(pictures),
        data=plan.data,
        failures=tuple(found.failures),
        timing=watch.timing(),
    )


def _costs(work: _Work, found: _Found, image_hw: HW, batch: int) -> Mapping[Candidate, Cost]:
    predictors = {c: found.predictors[c] for c in found.survivors(work.plan)}
    return measure_in_turns(
        predictors,
        counted={c: predictor.counted(image_hw) for c, predictor in predictors.items()},
        image_hw=image_hw,
        batch=batch,
        device=work.plan.settings.device,
        failures=found.failures,
        progress=work.progress,
    )
