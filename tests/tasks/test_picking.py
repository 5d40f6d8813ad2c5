"""Policies of tiny models, in a scene that needs no simulator and on data without one."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.robot import toy
from tests.tiny_study import CANDIDATES, FAST

from polyscale.errors import InputError
from polyscale.records import Episodes, read_json
from polyscale.report import write_report
from polyscale.robot import make_policy
from polyscale.studies import is_finished, plan_compare, run_compare
from polyscale.studies.predict import act_in_scenes, load_predictor, predict_files
from polyscale.tasks import Actor, Picking, PickingSettings, get_task
from polyscale.tasks.picking import actor, learner

SETTINGS = {
    **FAST,
    "costs": False,
    "steps": 3,
    "batch": 4,
}

ACTING = {"validation_episodes": 3, "lockstep": 2, "action_steps": 2}
"""Where the scene can be simulated."""


@pytest.fixture(autouse=True, scope="module")
def small():
    """The scene is the plane, and policies are small."""

    def make(*arguments, **options):
        return make_policy(*arguments, **{**options, **toy.SMALL})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learner, "PickingScene", toy.Plane)
        patch.setattr(actor, "PickingScene", toy.Plane)
        patch.setattr(learner, "make_policy", make)
        yield


@pytest.fixture(scope="module")
def plan(models):
    def make(data, candidates=CANDIDATES[:2], **settings):
        acting = ACTING if data.scene else {}
        return plan_compare(data, candidates, PickingSettings(**{**SETTINGS, **acting, **settings}))

    return make


@pytest.fixture(scope="module")
def compare(plan, tmp_path_factory):
    shared = tmp_path_factory.mktemp("cache")

    def run(*arguments, cache=shared, **settings):
        return run_compare(plan(*arguments, **settings), cache=cache)

    return run


@pytest.fixture(scope="module")
def simulated():
    return toy.plane_data(simulated=True)


@pytest.fixture(scope="module")
def shown():
    return toy.plane_data(simulated=False)


@pytest.mark.usefixtures("no_charts")
def test_a_simulated_run_from_data_to_report(compare, simulated, tmp_path):
    run = compare(simulated, floors=True)
    assert run.plan.task.right_or_wrong
    for row in run.rows:
        scores = run.scores[row.candidate]
        assert (row.metric, row.num_test) == ("success", len(simulated.test))
        assert row.value == scores.correct.mean()
    bounds = {floor.name: floor for floor in run.floors}
    assert {name: bound.kind for name, bound in bounds.items()} == {
        "blind": "floor",
        "told the position": "ceiling",
    }
    out = tmp_path / "run"
    out.mkdir()
    run.save(out)
    episodes = read_json(out / "episodes.json", Episodes)
    assert list(episodes.success) == CANDIDATES[:2]
    np.testing.assert_allclose(episodes.xy_m, simulated.test.cube_xy_m)
    films = pq.read_table(out / "films.parquet").to_pylist()
    assert {film["candidate"] for film in films} == set(CANDIDATES[:2])
    page = write_report(out).read_text()
    assert page.count("data:image/webp") == len(films) == 8
    assert page.count("<circle") >= 2 * len(simulated.test)
    assert "told the position" in page


def test_an_episode_counts_once_however_many_policies_see_it(compare, simulated):
    run = compare(simulated, CANDIDATES[:1], seeds=3)
    (row,), (scores,) = run.rows, run.scores.values()
    assert not run.plan.task.right_or_wrong
    assert scores.correct is None
    assert scores.statistics.shape == (len(simulated.test), 1)
    assert row.value == pytest.approx(np.mean(row.probe["seed_values"]))
    each = np.array(scores.columns["success_of_each"])
    assert each.shape == (len(simulated.test), 3)
    np.testing.assert_allclose(scores.image_scores, each.mean(axis=1))


@pytest.mark.parametrize("changed", [{"action_steps": 1}, {"horizon": 3}, {"lockstep": 3}, {}])
def test_episodes_run_again_where_they_may_differ(compare, simulated, monkeypatch, changed):
    compare(simulated)
    steps, step = [], toy.Plane.step

    def count(plane, action):
        steps.append(action)
        return step(plane, action)

    monkeypatch.setattr(toy.Plane, "step", count)
    if not changed:
        monkeypatch.setattr(learner, "simulator_versions", lambda: {"mujoco": "another"})
    compare(simulated, **changed)
    assert steps


def test_a_second_run_neither_trains_nor_acts(compare, simulated, monkeypatch):
    first = compare(simulated)

    def fail(*arguments):
        raise AssertionError("nothing is to run again")

    monkeypatch.setattr(toy.Plane, "step", fail)
    monkeypatch.setattr("polyscale.robot.policies.train.imitation_loss", fail)
    again = compare(simulated)
    assert [row.value for row in again.rows] == [row.value for row in first.rows]
    assert again.rows[0].probe["losses"] == first.rows[0].probe["losses"]


def test_candidates_are_chosen_by_other_scenes(compare, simulated):
    other = replace(simulated, test=toy.scenes(2, first_seed=10**10 + 50))
    first, second = compare(simulated), compare(other)
    assert [row.selection_value for row in first.rows] == [
        row.selection_value for row in second.rows
    ]


@pytest.mark.usefixtures("no_charts")
def test_without_a_simulator_the_error_of_actions_counts(compare, shown, tmp_path):
    run = compare(shown, floors=True)
    for row in run.rows:
        assert (row.metric, row.num_test) == ("action_error", shown.test.num_episodes)
        assert not row.higher_is_better
        assert row.value == pytest.approx(run.scores[row.candidate].columns["action_error"].mean())
        assert row.train_value > 0
    assert [floor.name for floor in run.floors] == ["blind"]
    out = tmp_path / "run"
    out.mkdir()
    run.save(out)
    assert not (out / "episodes.json").exists()
    assert "action error" in write_report(out).read_text()


def test_a_finished_run_is_known_again(compare, shown, tmp_path):
    run = compare(shown)
    run.save(tmp_path)
    for name in ("report.html", "curves.png"):
        (tmp_path / name).write_text("")
    assert is_finished(tmp_path, run.plan.facts, run.plan.files)
    with pytest.raises(InputError, match="holds another run .it differs in train_targets"):
        is_finished(tmp_path, run.plan.facts | {"train_targets": "other"}, run.plan.files)


def test_a_policy_on_maps_is_nearer_than_a_blind_one(compare, shown):
    run = compare(shown, CANDIDATES[:1], floors=True, steps=60, batch=8, rate=3e-3)
    assert run.rows[0].value < run.floors[0].value


@pytest.mark.parametrize(("kind", "metric"), [(False, "success"), (True, "action_error")])
def test_a_metric_that_cannot_be_had_is_refused(plan, simulated, shown, kind, metric):
    with pytest.raises(InputError, match="metric must be .* for data plane"):
        plan(simulated if kind else shown, metric=metric)


@pytest.mark.parametrize(
    "settings", [{"action_steps": 4}, {"horizon": 9}, {"validation_episodes": 3}]
)
def test_how_to_act_is_refused_where_nothing_can(plan, shown, settings):
    ((name, value),) = settings.items()
    with pytest.raises(
        InputError, match=f"{name} must be left out for data plane, .*, but got {value}"
    ):
        plan(shown, **settings)


def test_test_episodes_are_not_those_of_demonstrations(plan, simulated):
    with pytest.raises(InputError, match="seeds of test episodes must be from 10,.* but one is 7"):
        plan(replace(simulated, test=toy.scenes(2, first_seed=7)))


def test_frames_must_be_as_large_as_scales_show_them(plan, simulated):
    with pytest.raises(
        InputError, match="frames of at least 96 pixels a side for tiny:net_small@3"
    ):
        plan(simulated, ["tiny:net_small@3"])
    assert plan(simulated, ["tiny:net_small@3"], source="base")


def test_actions_that_are_no_numbers_are_refused(plan, shown):
    actions = shown.train.actions.copy()
    actions[3, 0] = np.nan
    with pytest.raises(InputError, match="actions must be finite, but those of frame 3"):
        plan(replace(shown, train=replace(shown.train, actions=actions)))


def test_actions_that_are_always_the_same_are_refused(plan, shown):
    same = np.ones_like(shown.train.actions)
    with pytest.raises(InputError, match="actions must vary, but all of them are the same"):
        plan(replace(shown, train=replace(shown.train, actions=same)))


def test_a_single_demonstration_is_refused(plan, shown):
    with pytest.raises(InputError, match="at least two demonstrations to learn from, but has 1"):
        plan(replace(shown, train=shown.train.take_episodes(np.array([0]))))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"action_steps": 17}, "action_steps must be at most 16"),
        ({"lockstep": 0}, "lockstep must be"),
        ({"horizon": 0}, "horizon must be"),
        ({"seeds": 2}, "seeds must be 1 or at least 3, but got 2"),
        ({"validation_episodes": 0}, "validation_episodes must be"),
        ({"held_out": 0.9}, "held_out must be above 0 and at most 0.5"),
        ({"steps": 0}, "steps must be a whole number of at least 1"),
    ],
)
def test_settings_are_checked(settings, told):
    with pytest.raises(InputError, match=told):
        PickingSettings(**settings)


def test_a_policy_may_see_the_mean_of_each_scale(models):
    grids = {
        pooled: PickingSettings(**SETTINGS, pooled=pooled)
        .module(models["tiny:net_small"], (1, 2))
        .plan.grid_hw
        for pooled in (False, True)
    }
    assert grids == {False: (4, 4), True: (1, 1)}


def test_the_task_is_there_by_its_name():
    assert isinstance(get_task("picking"), Picking)


@pytest.fixture(scope="module")
def policies(compare, simulated, models, tmp_path_factory):
    """The folder of a run's policies, and the model that they see with."""
    out = tmp_path_factory.mktemp("run")
    compare(simulated).save(out)
    return out / "heads", models["tiny:net_small"]


def test_a_policy_acts_in_scenes_of_its_own_and_goes_on(policies, tmp_path, monkeypatch):
    heads, model = policies
    predictor = load_predictor(heads / "1.safetensors", backbone=model)
    assert predictor.module.scales == (1, 2)
    first = act_in_scenes(predictor, tmp_path / "acting", episodes=2)
    films = [*(tmp_path / "acting" / "films").glob("*.webp")]
    assert len(films) == 4, "a whole group"
    more = act_in_scenes(predictor, tmp_path / "acting", episodes=3)
    assert more[:2] == first
    again = act_in_scenes(predictor, tmp_path / "again", episodes=3)
    assert again == more


def test_a_folder_of_another_policy_is_refused(policies, tmp_path):
    heads, model = policies
    one, other = (load_predictor(heads / f"{n}.safetensors", backbone=model) for n in (0, 1))
    act_in_scenes(one, tmp_path / "acting", episodes=1)
    with pytest.raises(InputError, match="holds another: candidate is tiny:net_small@1 there"):
        act_in_scenes(other, tmp_path / "acting", episodes=1)


def test_a_policy_that_acts_in_another_way_is_refused(policies, tmp_path):
    """With other settings of how to act, the same policy is trained."""
    heads, model = policies
    one, other = (load_predictor(heads / "0.safetensors", backbone=model) for _ in range(2))
    other.options = replace(other.options, action_steps=1)
    act_in_scenes(one, str(tmp_path / "acting"), episodes=1)
    with pytest.raises(InputError, match="holds another: action_steps is 2 there and 1 here"):
        act_in_scenes(other, tmp_path / "acting", episodes=1)


def test_a_model_of_the_user_acts_in_one_thread(policies):
    heads, model = policies
    predictor = load_predictor(heads / "0.safetensors", backbone=model)
    named = Actor(predictor.module, predictor.policy, predictor.facts)
    live = Actor(predictor.module, predictor.policy, {**predictor.facts, "live": True})
    assert (named.options.parallel, live.options.parallel) == (True, False)


def test_a_policy_of_another_encoder_is_refused(policies, models):
    heads, _ = policies
    with pytest.raises(InputError, match="backbone 'tiny:net_small', not 'tiny:net_large'"):
        load_predictor(heads / "0.safetensors", backbone=models["tiny:net_large"])


def test_a_policy_predicts_no_pictures(policies, tmp_path):
    heads, model = policies
    predictor = load_predictor(heads / "0.safetensors", backbone=model)
    with pytest.raises(InputError, match="it is a policy.*Use polyscale robot act"):
        predict_files(predictor, [], tmp_path / "out")
    with pytest.raises(InputError, match="episodes must be a whole number from 1"):
        act_in_scenes(predictor, tmp_path / "out", episodes=0)
    assert not (tmp_path / "out").exists()


def test_a_policy_of_a_scene_that_nothing_simulates_cannot_act(compare, shown, models, tmp_path):
    compare(shown).save(tmp_path)
    with pytest.raises(InputError, match="head must be a policy of the simulated scene"):
        load_predictor(tmp_path / "heads" / "0.safetensors", backbone=models["tiny:net_small"])
