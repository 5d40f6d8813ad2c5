"""The second half of a comparison: features, heads, scores, costs, statistics. For every task."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from polyscale.errors import InputError, RunError
from polyscale.features import FeatureStore, cpu_workers, feature_key, remembered, temporary_folder
from polyscale.operator.cost import Cost
from polyscale.operator.multiscale import MultiScale
from polyscale.records import Probes, Result, Watch
from polyscale.studies.compare.answers import answer
from polyscale.studies.compare.cascades import make_cascades
from polyscale.studies.compare.comparison import Comparison
from polyscale.studies.compare.controls import ControlRun, finish_controls, run_controls
from polyscale.studies.compare.costs import find_costs
from polyscale.studies.compare.failures import Failures
from polyscale.studies.compare.features import Extractor, Features
from polyscale.studies.compare.floors import compare_with_floors, run_baselines
from polyscale.studies.compare.hard import check_hard, find_hard
from polyscale.studies.compare.heads import head_file
from polyscale.studies.compare.models import borrowed
from polyscale.studies.compare.plan import ComparePlan
from polyscale.studies.compare.probes import run_probes
from polyscale.studies.compare.repeats import make_draws, make_repeats, repeat
from polyscale.studies.compare.trio import make_trios
from polyscale.studies.environment import versions
from polyscale.studies.look import look
from polyscale.tasks import Baseline, Case, Evaluation, PooledTask
from polyscale.types import Backbone, Candidate, Progress, silent


def run_compare(
    plan: ComparePlan,
    *,
    cache: str | Path | None = None,
    cache_limit_bytes: int | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Run a plan. A candidate that fails is left out, with the reason; the others go on.

    Args:
        plan: what to do.
        cache: folder where features and heads are kept between runs; None keeps nothing.
        cache_limit_bytes: what they may take there; those that were not used for longest make
            room. None is no limit.
        progress: told what is being done.

    Raises:
        RunError: if every candidate fails, or the disk refuses.
    """
    with temporary_folder() as nowhere, borrowed(plan.backbones.values()):
        store = FeatureStore(cache or nowhere, limit_bytes=cache_limit_bytes)
        run = _Run(plan, store, progress)
        for source in plan.backbones:
            run.evaluate_backbone(source)
        return run.finish()


class _Run:
    """One run of a plan, and what is known so far of its candidates."""

    def __init__(self, plan: ComparePlan, store: FeatureStore, progress: Progress) -> None:
        self.plan, self.store, self.progress = plan, store, progress
        self.watch, self.failures = Watch(), Failures()
        self.addons = plan.task.addons(plan.settings)
        if "hard" in self.addons:
            check_hard(plan)
        self.look = look(plan.task, plan.data, seed=plan.settings.seed, progress=progress)
        self.prepared = plan.task.prepare(plan.data, plan.settings)
        train, test = self.prepared.train, self.prepared.test
        has_more_models = len(plan.backbones) > 1 or "floors" in self.addons
        if plan.settings.features == "pooled" and has_more_models:
            train, test = remembered(train, test)
        self.extract = Extractor(plan.settings, train, test, store, self.watch, progress)
        self.tile_s: dict[str, float] = {}
        self.evaluations: dict[Candidate, Evaluation] = {}
        self.probes: dict[Candidate, Probes] = {}
        self.controls: list[ControlRun] = []
        self.draws = make_draws(plan) if "repeats" in self.addons else []
        self.repeats: dict[Candidate, list[Evaluation]] = {}

    def evaluate_backbone(self, source: str) -> None:
        """Everything that needs features: the candidates of one backbone."""
        backbone, weights = self.plan.backbones[source], self.plan.weights_hashes[source]
        members = self._on_device(source)
        before = self.watch.timing()
        parallel = source not in self.plan.live  # a user's own model may keep what a call left
        features = self.extract.candidates(
            backbone, members, weights, self.failures, parallel=parallel
        )
        tile_s = self.watch.timing().tile_s(since=before)
        if tile_s is not None:
            self.tile_s[source] = tile_s * (cpu_workers() if parallel else 1)
        step = f"{backbone.name}: heads"
        for done, (candidate, of_scales) in enumerate(features.items()):
            self.progress(step, done, len(members), "candidates")
            with self.failures.of(candidate):
                self._evaluate(candidate, of_scales)
        self.progress(step, len(members), len(members), "candidates")
        _move(backbone, "cpu")  # room for the next

    def finish(self) -> Comparison:
        """Costs, statistics and the gallery of all candidates that got through."""
        plan, settings, task = self.plan, self.plan.settings, self.plan.task
        with self.watch.stage("floors"):
            baselines, left_out = self._baselines()
        with self.watch.stage("costs"):
            costs = find_costs(
                self._survivors(),
                plan,
                self.store,
                self.failures,
                tile_s=self.tile_s,
                progress=self.progress,
            )
            runs = [run for run in self.controls if run.candidate in costs]
            controls = finish_controls(runs, self.evaluations, costs, task, settings)
        evaluations = self._survivors()
        if not evaluations:
            raise RunError(f"every candidate failed: {'; '.join(map(str, self.failures))}")
        named = {str(c): evaluation for c, evaluation in evaluations.items()}
        with self.watch.stage("statistics"):
            rows = self._rows(evaluations, costs, left_out)
            floors = None
            if "floors" in self.addons:
                scores = {name: evaluation.scores for name, evaluation in named.items()}
                floors = compare_with_floors(baselines, scores, task, settings)
            answers = answer(plan, named, rows, floors=floors or (), seed=settings.seed)
            cascades = None
            if isinstance(task, PooledTask) and "cascades" in self.addons:
                labels = task.targets(plan.data.train)
                cascades = make_cascades(rows, answers.verdicts, named, labels)
            repeats = None
            if "repeats" in self.addons:
                drawn = {str(c): self.repeats[c] for c in evaluations}
                repeats = make_repeats(plan, self.draws, drawn, rows, answers.contrasts)
        hard = None
        if "hard" in self.addons:
            with self.watch.stage("hard examples"):
                hard = find_hard(plan, make_trios(rows, answers.verdicts), self._again)
        probes = {str(c): self.probes[c] for c in evaluations if c in self.probes}
        with self.watch.stage("pictures"):
            gallery = task.gallery(evaluations, plan.data, self.prepared)
        return Comparison(
            plan=plan,
            rows=rows,
            **vars(answers),
            evaluations=named,
            look=self.look,
            gallery=gallery,
            cascades=cascades,
            probes=probes if "probes" in self.addons else None,
            controls=controls if "controls" in self.addons else None,
            floors=floors,
            repeats=repeats,
            hard=hard,
            failures=tuple(self.failures),
            timing=self.watch.timing(),
        )

    def _baselines(self) -> tuple[tuple[Baseline, ...], dict[str, str]]:
        """What candidates must beat, and what is left out of that, and why."""
        if "floors" not in self.addons or not self._survivors():
            return (), {}
        return run_baselines(self.plan, self.extract, self._case)

    def _on_device(self, source: str) -> list[Candidate]:
        """The candidates of a backbone that could be moved to where models run."""
        members = [c for c in self.plan.candidates if c.backbone == source]
        for candidate in members:
            with self.failures.of(candidate):
                _move(self.plan.backbones[source], self.plan.settings.device)
        return [c for c in members if c not in self.failures]

    def _evaluate(self, candidate: Candidate, features: Features) -> None:
        case, task = self._variant(candidate, features), self.plan.task
        with self.watch.stage("heads"):
            evaluation = task.evaluate(case)
            self._check_same_images(candidate, evaluation)
            self.evaluations[candidate] = evaluation
        if "repeats" in self.addons:
            with self.watch.stage("repeats"):
                self.repeats[candidate] = repeat(case, task, self.draws)
        if not isinstance(task, PooledTask):
            return
        if "probes" in self.addons:
            with self.watch.stage("other probes"):
                self.probes[candidate] = run_probes(case, features, evaluation, task)
        if "controls" in self.addons and len(candidate.scales) > 1:
            with self.watch.stage("controls"):
                self.controls += run_controls(
                    case,
                    features,
                    task,
                    self.extract,
                    weights=self.plan.weights_hashes[candidate.backbone],
                    is_live=candidate.backbone in self.plan.live,
                )

    def _again(self, candidate: Candidate) -> Case:
        """A candidate with its features, which are kept since it was evaluated."""
        backbone = self.plan.backbones[candidate.backbone]
        modules = self.plan.settings.extraction_modules(backbone, candidate.scales)
        extract = replace(self.extract, watch=Watch())  # the time is that of what asks for it
        _move(backbone, self.plan.settings.device)
        features = extract(*modules, weights=self.plan.weights_hashes[candidate.backbone])
        _move(backbone, "cpu")
        return self._variant(candidate, features)

    def _check_same_images(self, candidate: Candidate, evaluation: Evaluation) -> None:
        """Contrasts are paired, so every candidate is judged on the same test images."""
        unknown = np.isnan(evaluation.scores.image_scores)
        for other, earlier in self.evaluations.items():
            if (np.isnan(earlier.scores.image_scores) != unknown).any():
                raise InputError(
                    f"{candidate} must be judged on the same test images as {other}, but "
                    f"{self.plan.task.name} gives NaN for others of them. Correct its scores."
                )

    def _variant(self, candidate: Candidate, features: Features, **options: Any) -> Case:
        """A candidate with further options of the operator, of the features that are there."""
        settings, weights = self.plan.settings, self.plan.weights_hashes[candidate.backbone]
        backbone = self.plan.backbones[candidate.backbone]
        module = settings.module(backbone, candidate.scales, **options)
        train = settings.join(features.train, module, for_training=True)
        test = settings.join(features.test, module)
        case = self._case(candidate, module, weights, train, test)
        return replace(case, variant=partial(self._variant, candidate, features))

    def _case(
        self, candidate: Candidate, module: MultiScale, weights: str, train: Any, test: Any
    ) -> Case:
        settings = self.plan.settings
        grid: dict[str, Any] = (
            {"map_hw": module.plan.grid_hw} if settings.features == "maps" else {}
        )
        return Case(
            candidate=candidate,
            module=module,
            train=train,
            test=test,
            data=self.plan.data,
            settings=settings,
            prepared=self.prepared,
            feature_keys=tuple(
                feature_key(module, level, self.prepared.train, weights, **grid)
                for level in module.plan.levels
            ),
            store=self.store,
            stage=self.watch.stage,
            progress=self.progress,
            parallel=candidate.backbone not in self.plan.live,
        )

    def _survivors(self) -> dict[Candidate, Evaluation]:
        """Candidates that nothing has failed of, in the order in which they were asked for."""
        return {
            c: self.evaluations[c]
            for c in self.plan.candidates
            if c in self.evaluations and c not in self.failures
        }

    def _rows(
        self,
        evaluations: Mapping[Candidate, Evaluation],
        costs: Mapping[Candidate, Cost],
        left_out: Mapping[str, str],
    ) -> tuple[Result, ...]:
        """One row for each candidate."""
        plan, task, seed = self.plan, self.plan.task, self.plan.settings.seed
        facts = {
            **plan.facts,
            **({"floors_left_out": dict(left_out)} if left_out else {}),
            "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        }
        scores = {str(c): evaluation.scores for c, evaluation in evaluations.items()}
        intervals, made_with = task.intervals(scores, seed=seed), versions()
        rows = []
        for number, (candidate, evaluation) in enumerate(evaluations.items()):
            file = {"file": head_file(number)} if evaluation.saved else {}
            rows.append(
                Result(
                    candidate=str(candidate),
                    backbone=candidate.backbone,
                    family=plan.families[candidate.backbone],
                    scales=candidate.scales,
                    tile_hw=plan.backbones[candidate.backbone].tile_hw,
                    source=plan.settings.source,
                    task=task.name,
                    data=plan.data.name,
                    metric=task.metric.key,
                    higher_is_better=task.metric.higher_is_better,
                    value=evaluation.scores.value,
                    ci_low=intervals[str(candidate)][0],
                    ci_high=intervals[str(candidate)][1],
                    selection_value=evaluation.selection.value,
                    train_value=evaluation.train_value,
                    num_train=evaluation.num_train,
                    num_test=evaluation.scores.num_judged,
                    num_tiles=evaluation.num_tiles,
                    feature_dim=evaluation.feature_dim,
                    **vars(costs[candidate]),
                    probe={**file, **evaluation.facts},
                    scores=evaluation.scores.others,
                    settings=facts,
                    versions=made_with,
                )
            )
        return tuple(rows)


def _move(backbone: Backbone, device: str) -> None:
    """Where it is a module; anything else is where it is."""
    if isinstance(backbone, nn.Module):
        backbone.to(device)
