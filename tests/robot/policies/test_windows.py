"""Windows of demonstrations."""

import numpy as np
from tests.robot import toy

from polyscale.robot import make_policy


def test_windows_are_frames_in_order_and_what_was_done_then():
    batch = toy.numbered().windows(np.array([1, 5]), toy.reader(3, 2))
    assert batch.maps.shape == (2, 3, 1, 1, 1)
    assert batch.states[0, :, 0].tolist() == batch.maps[0, :, 0, 0, 0].tolist() == [1, 2, 3]
    assert batch.previous_actions[0, :, 0].tolist() == [0, 1, 2]
    assert batch.actions[0, :, :, 0].tolist() == [[1, 2], [2, 3], [3, 4]]
    assert batch.valid[0].all()


def test_windows_end_with_their_episode():
    batch = toy.numbered().windows(np.array([3, 5]), toy.reader(3, 2))
    assert batch.valid[0].tolist() == [[True, True], [True, False], [False, False]]
    assert batch.valid[1].tolist() == [[True, True], [True, False], [False, False]]
    assert batch.actions[batch.valid][:, 0].tolist() == [3, 4, 4, 5, 6, 6]


def test_nothing_was_done_before_an_episode():
    batch = toy.numbered().windows(np.array([5]), toy.reader(2, 1))
    assert batch.previous_actions[0, :, 0].tolist() == [7, 5]


def test_other_frames_do_not_say_what_stands_before_an_episode():
    data = toy.numbered()
    policy = make_policy(data, np.arange(7), seed=0, **toy.SMALL)
    batch = data.windows(np.array([0, 5]), policy)
    assert batch.previous_actions[:, 0].unique().tolist() == [3]


def test_windows_begin_where_they_are_full_or_an_episode_begins():
    data = toy.numbered()
    assert data.starts(np.arange(11), history=3).tolist() == [0, 1, 2, 5, 7, 8]
    assert data.starts(np.arange(7, 11), history=3).tolist() == [7, 8]
