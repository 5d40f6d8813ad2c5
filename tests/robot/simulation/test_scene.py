import numpy as np
import pytest

from polyscale.errors import InputError
from polyscale.robot import PickingScene, SceneSettings, expert_action
from polyscale.robot.simulation.model import CUBE

STILL = np.zeros(4, dtype=np.float32)


def run(scene, seed, actions):
    return [scene.reset(seed), *(scene.step(action) for action in actions)]


@pytest.fixture
def actions():
    return np.random.default_rng(0).uniform(-1, 1, (4, 4)).astype(np.float32)


def test_a_seed_gives_the_same_pixels_and_states(drawn, actions):
    first = run(drawn, 3, actions)
    run(drawn, 4, actions)  # leaves nothing behind
    again = run(drawn, 3, actions)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.privileged, other.privileged)


def test_another_scene_gives_the_same_pixels(drawn, actions):
    with PickingScene(drawn.settings, drawn.side_px) as other:
        one, same = (run(scene, 3, actions)[-1].image for scene in (drawn, other))
    np.testing.assert_array_equal(one, same)


def test_pictures(drawn):
    first, other = (drawn.reset(seed).image for seed in (0, 1))
    assert first.dtype == np.uint8
    assert first.shape == (drawn.side_px, drawn.side_px, 3)
    assert first.std() > 10
    assert (first != other).mean() > 0.1
    moved = drawn.step(np.array([1, 0, 0, 1], dtype=np.float32)).image
    assert (moved != other).any()


def test_the_cube_is_seen(drawn):
    """Its red pixels go when it is taken away."""

    def num_red(image):
        red, green, blue = image.astype(int).transpose(2, 0, 1)
        return ((red > 2 * green + 20) & (red > 2 * blue + 20)).sum()

    for seed in range(8):
        seen = num_red(drawn.reset(seed).image)
        drawn._data.joint(f"{CUBE}:joint").qpos[:3] = (1.3, 0.75, -5)
        drawn._mujoco.mj_forward(drawn._model, drawn._data)
        assert seen > 4 + num_red(drawn._draw())


def test_without_pictures_states_are_the_same(blind, drawn, actions):
    for one, other in zip(run(blind, 5, actions), run(drawn, 5, actions), strict=True):
        assert one.image.shape == (0, 0, 3)
        np.testing.assert_array_equal(one.privileged, other.privileged)


def test_the_state_knows_nothing_of_the_cube(blind):
    first, other = blind.reset(0), blind.reset(1)
    np.testing.assert_allclose(first.state, other.state, atol=1e-6)
    assert np.abs(first.privileged - other.privileged).max() > 0.01
    np.testing.assert_array_equal(first.privileged[:7], first.state)
    np.testing.assert_allclose(other.privileged[7:], blind.cube_position, rtol=1e-6)


def test_an_action_moves_the_gripper_and_its_fingers(blind):
    before = blind.reset(0).state
    for _ in range(5):
        after = blind.step(np.array([0.5, -0.5, 0, 1], dtype=np.float32)).state
    assert after[0] > before[0] + 0.05
    assert after[1] < before[1] - 0.05
    assert after[3] > 0 > after[4]
    assert after[6] == pytest.approx(0.1, abs=0.01)
    for _ in range(5):
        closed = blind.step(np.array([0, 0, 0, -1], dtype=np.float32)).state
    assert closed[6] < 0.01


def test_what_is_beyond_the_limits_is_clipped(blind):
    blind.reset(0)
    within = blind.step(np.array([1, -1, 0, 1], dtype=np.float32)).state
    blind.reset(0)
    beyond = blind.step(np.array([50, -2, 0, 9], dtype=np.float32)).state
    np.testing.assert_array_equal(within, beyond)


@pytest.mark.parametrize(
    "action", [[0, 0, 0, np.nan], [np.inf, 0, 0, 0], [0, 0, 0], [[0, 0, 0, 0]]], ids=str
)
def test_actions_that_are_none(blind, action):
    blind.reset(0)
    with pytest.raises(InputError, match="action must be 4 finite numbers, but got"):
        blind.step(np.array(action, dtype=np.float32))


def test_nothing_is_lifted_by_itself(blind):
    assert not any(seen.success for seen in run(blind, 0, [STILL] * 20))


def succeeds(scene, seed):
    seen = scene.reset(seed)
    for _ in range(scene.settings.horizon):
        seen = scene.step(expert_action(seen.privileged))
        if seen.success:
            height = seen.privileged[9] - 0.425
            return height >= scene.settings.lift_m - 1e-6
    return False


def test_the_expert_lifts_the_cube(blind):
    assert all(succeeds(blind, seed) for seed in range(5))


def test_distractors_do_not_hinder_the_expert(blind):
    with PickingScene(SceneSettings(num_distractors=12), side_px=0) as full:
        assert all(succeeds(full, seed) for seed in range(3))


def test_distractors_stay_where_they_are(blind):
    """They lie still, so that what a policy sees is not in motion before it acts."""
    body = blind._data.body("distractor1")
    blind.reset(0)
    before = body.xpos.copy()
    for _ in range(10):
        blind.step(STILL)
    np.testing.assert_allclose(body.xpos, before, atol=2e-3)
