"""The task `picking`."""

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import nn
from typing_extensions import Self

from polyscale.data import DemonstrationData, EvaluationScenes
from polyscale.errors import InputError
from polyscale.operator.multiscale import MultiScale
from polyscale.records import FILMS_FILE, Metric
from polyscale.robot import Policy, SceneSettings, load_demonstrations
from polyscale.robot.policies.windows import check_demonstrations
from polyscale.robot.simulation.seeds import EVALUATION
from polyscale.stats import MIN_SEEDS
from polyscale.tasks.evaluation import (
    Baseline,
    Case,
    Evaluation,
    FinishedRun,
    SavedHead,
    Scores,
    spread_of_seeds,
)
from polyscale.tasks.files import answers_table
from polyscale.tasks.picking.actor import Actor, check_scene
from polyscale.tasks.picking.files import EPISODES_FILE, write_episodes, write_films
from polyscale.tasks.picking.judging import ACTION_ERROR, SUCCESS, error_scores, success_scores
from polyscale.tasks.picking.learner import Learner, learn_to_act
from polyscale.tasks.picking.settings import PickingSettings
from polyscale.tasks.picking.split import EvaluationEpisodes, PickingSplit
from polyscale.tasks.task import Task
from polyscale.types import Candidate


class Picking(Task):
    """A policy for each candidate, which learns from demonstrations and then acts on its own.

    In a simulated scene a policy is judged by how often it lifts the cube, from the same starts for
    all candidates. Elsewhere it is judged by how far its actions are from those of demonstrations
    that it has not seen.
    """

    name = "picking"
    sources = "fetch (simulated, recorded once), lerobot:DIR in LeRobot's layout, version 3"
    metric = Metric(
        key=SUCCESS,
        name="Success rate",
        unit="%",
        noun="success rate",
        sentence="lifts the cube in {value} of {num} test episodes",
        second="in",
    )
    other_metrics: tuple[Metric, ...] = (
        Metric(
            key=ACTION_ERROR,
            name="Action error",
            higher_is_better=False,
            noun="action error",
            about="the mean squared error of the next 16 actions, in units of their variance",
        ),
    )
    settings_type = PickingSettings
    data_type = DemonstrationData
    loader = staticmethod(load_demonstrations)
    statistics = (SUCCESS,)
    images_file: ClassVar[str] = "episodes.parquet"
    train_samples = "training frames"
    samples = "test episodes"
    blind = "The same policy is trained in the same way, but all pictures are the same to it."

    def check_data(self, data: Any) -> None:
        """Raise an InputError also for demonstrations that a policy cannot learn from."""
        super().check_data(data)
        for split in (data.train, data.test):
            if isinstance(split, EvaluationScenes):
                if others := [seed for seed in split.seeds if seed not in EVALUATION]:
                    raise InputError(
                        f"seeds of test episodes must be from {EVALUATION[0]:,} to "
                        f"{EVALUATION[-1]:,}, which are for nothing else, but one is {others[0]}. "
                        "Make them with polyscale.robot.make_evaluation_scenes."
                    )
                continue
            shown = split.demonstrations if isinstance(split, EvaluationEpisodes) else split
            check_demonstrations(shown.states, shown.actions, shown.episode_of)
        if data.train.num_episodes < 2:
            raise InputError(
                f"data {data.name} must have at least two demonstrations to learn from, but has "
                f"{data.train.num_episodes}. Record more."
            )

    def arrange(self, data: DemonstrationData) -> DemonstrationData:
        """Test on episodes instead of frames, because the frames of an episode are much alike."""
        if isinstance(data.test, EvaluationScenes | EvaluationEpisodes):
            return data
        episodes: Any = EvaluationEpisodes(data.test)
        return replace(data, test=episodes)

    def for_data(self, data: DemonstrationData, settings: PickingSettings) -> Self:
        """Judge by success if the scene can be simulated, and by the error of actions otherwise.

        With one policy for each candidate, every episode is right or wrong, so that exact tests
        apply; see `success_scores` for several policies.

        Raises:
            InputError: if the settings name the other metric, or say how policies act where they
                cannot.
        """
        is_simulated = isinstance(data.test, EvaluationScenes)
        if not is_simulated:
            _refuse_acting(data, settings)
        if settings.metric == SUCCESS and not is_simulated:
            raise InputError(
                f"metric must be {ACTION_ERROR} for data {data.name}, whose scene cannot be "
                f"simulated, but got {SUCCESS}. Leave it out."
            )
        if settings.metric == ACTION_ERROR and is_simulated:
            raise InputError(
                f"metric must be {SUCCESS} for data {data.name}, whose scene is simulated, but got "
                f"{ACTION_ERROR}. Leave it out."
            )
        task = copy(self.judged_by(SUCCESS if is_simulated else ACTION_ERROR))
        task.other_metrics = ()
        task.chosen_on = "validation episodes" if is_simulated else "training demonstrations"
        task.right_or_wrong = is_simulated and settings.seeds == 1
        task.over_trainings = settings.seeds >= MIN_SEEDS
        return task

    def check(self, module: MultiScale, candidate: Candidate, data: Any, settings: Any) -> None:
        """Raise an InputError if frames are smaller than the largest scale shows them."""
        frame_px = min(data.train.read(0).size)
        needed_px = max(max(level.image_hw) for level in module.plan.levels)
        if settings.source == "native" and frame_px < needed_px:
            raise InputError(
                f"data {data.name} must have frames of at least {needed_px} pixels a side for "
                f"{candidate}, but they have {frame_px}. Record larger ones, leave the scale out, "
                "or use source base."
            )

    def facts(self, data: Any, settings: Any) -> dict[str, Any]:
        """The demonstrations, and how policies are judged."""
        return {
            "train_targets": data.train.target_fingerprint,
            "features": "per scale: the map on the grid of one tile, each channel standardised",
            "num_demonstrations": data.train.num_episodes,
            "scene": dict(data.scene) if data.scene else None,
            **super().facts(data, settings),
        }

    def prepare(self, data: Any, settings: Any) -> PickingSplit:
        """Choose the frames for training, and the data that candidates are chosen by."""
        return PickingSplit.of(data, settings)

    def evaluate(self, case: Case) -> Evaluation:
        """Train a policy for each seed, and judge all of them."""
        learners = [learn_to_act(case, number) for number in range(case.settings.seeds)]
        scores, values = self._test(learners)
        first, split = learners[0], case.prepared
        selection, train_value = self._choose(first)
        return Evaluation(
            scores=scores,
            selection=selection,
            train_value=train_value,
            head=first.policy,
            facts={**first.facts, **spread_of_seeds(values)},
            module=case.module,
            feature_dim=case.module.out_channels,
            num_train=len(split.train),
            num_tiles=case.module.plan.num_tiles,
            saved=SavedHead(name="policy", head=first.policy),
        )

    def ceilings(self, case: Case) -> tuple[Baseline, ...]:
        """A policy that is told where the cube is; only a simulated scene has this ceiling."""
        if case.data.train.privileged is None or case.data.scene is None:
            return ()
        learners = [
            learn_to_act(case, number, privileged=True) for number in range(case.settings.seeds)
        ]
        scores, _ = self._test(learners)
        about = "The same policy sees no pictures, but is told where the cube is."
        return (Baseline(name="told the position", about=about, scores=scores, kind="ceiling"),)

    def _test(self, learners: list[Learner]) -> tuple[Scores, list[float]]:
        """Judge all policies on the test episodes; episodes of the first policy are filmed."""
        case = learners[0].case
        if self.metric.key == SUCCESS:
            scenes = case.data.test
            episodes = [
                own.act(scenes.seeds, "test episodes", film=not own.number) for own in learners
            ]
            return success_scores(episodes, scenes)
        shown = case.data.test.demonstrations
        every = np.arange(len(shown))
        return error_scores([own.errors(case.test, shown, every) for own in learners])

    def _choose(self, learner: Learner) -> tuple[Scores, float | None]:
        """Judge the first policy on the data that candidates are chosen by, and on training data.

        Returns:
            Scores on the former, and the value on the latter; None if the scene is simulated.
        """
        case = learner.case
        split: PickingSplit = case.prepared
        if self.metric.key == SUCCESS:
            return success_scores([learner.act(split.validation_seeds, "validation episodes")])[
                0
            ], None
        held, learned = (
            error_scores([learner.errors(case.train, case.data.train, frames)])[0]
            for frames in (split.validation_frames, split.train_frames)
        )
        return held, learned.value

    def head_facts(self, data: Any) -> dict[str, Any]:
        """The scene in which a policy can act, and the size of the pictures that it sees."""
        return {"scene": data.scene, "side_px": data.train.read(0).width}

    def check_head(self, head: nn.Module, facts: Mapping[str, Any]) -> None:
        """Raise an InputError for a policy that has no scene to act in."""
        check_scene(facts)

    def predictor(self, module: MultiScale, head: nn.Module, facts: Mapping[str, Any]) -> Actor:
        """The encoder and the policy as one module."""
        assert isinstance(head, Policy)
        return Actor(module, head, facts)

    def gallery(self, evaluations: Mapping[Candidate, Evaluation], data: Any, prepared: Any) -> Any:
        """An empty gallery, because films show more."""
        return answers_table(())

    def own_files(self) -> tuple[str, ...]:
        """Names of the files with scenes and results of episodes, and with films of some."""
        return (EPISODES_FILE, FILMS_FILE) if self.metric.key == SUCCESS else ()

    def write(self, folder: Path, run: FinishedRun) -> None:
        """Write the files that `own_files` names."""
        if self.metric.key == SUCCESS:
            scores = {name: evaluation.scores for name, evaluation in run.evaluations.items()}
            write_episodes(folder, run.data.test, scores, SceneSettings.from_json(run.data.scene))
            write_films(folder, run.data.test, scores)


def _refuse_acting(data: DemonstrationData, settings: PickingSettings) -> None:
    for name in ("action_steps", "horizon", "validation_episodes"):
        if (value := getattr(settings, name)) != getattr(PickingSettings, name):
            raise InputError(
                f"{name} must be left out for data {data.name}, whose scene cannot be "
                f"simulated, but got {value}. Policies are judged by the error of their actions."
            )
