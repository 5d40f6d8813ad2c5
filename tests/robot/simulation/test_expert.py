import numpy as np
import pytest

from polyscale.robot import expert_action

CUBE = (1.3, 0.7, 0.425)


def act(gripper, opening):
    return expert_action(np.array([*gripper, 0, 0, 0, opening, *CUBE], dtype=np.float32))


def test_it_opens_its_fingers_on_the_way_to_the_cube():
    action = act((1.34, 0.75, 0.53), 0.0)
    assert action.dtype == np.float32
    assert action[0] < 0
    assert action[1] < 0
    assert action[3] == 1


def test_over_the_cube_it_goes_down_with_open_fingers():
    assert act((1.3, 0.7, 0.52), 0.1)[2] == -1
    assert act((1.3, 0.7, 0.52), 0.07)[2] == 0
    assert act((1.3, 0.7, 0.52), 0.1)[3] == 1


def test_at_the_cube_it_closes_and_then_lifts():
    np.testing.assert_array_equal(act((1.3, 0.7, 0.43), 0.1), [0, 0, 0, -1])
    np.testing.assert_array_equal(act((1.3, 0.7, 0.43), 0.05), [0, 0, 1, -1])


def test_a_cube_that_was_lost_is_picked_anew():
    action = act((1.3, 0.7, 0.55), 0.0)
    assert action[3] == 1


@pytest.mark.parametrize("seed", range(5))
def test_actions_are_within_their_limits(seed):
    rng = np.random.default_rng(seed)
    action = act(rng.uniform(-2, 3, 3), rng.uniform(0, 0.1))
    assert np.abs(action).max() <= 1
