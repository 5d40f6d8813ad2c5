import numpy as np
import pytest
from PIL import Image

from polyscale.data import DemonstrationData, Demonstrations, EvaluationScenes, Pictures
from polyscale.errors import InputError

LENGTHS = (3, 1, 2)


def read(index, min_side=None):
    return Image.new("RGB", (4, 4), (index, 0, 0))


@pytest.fixture
def shown():
    num = sum(LENGTHS)
    rows = np.arange(2 * num, dtype=np.float32).reshape(num, 2)
    frames = Pictures(tuple(f"f{i}" for i in range(num)), read, "abc")
    return Demonstrations(frames, rows, -rows, np.repeat(np.arange(3), LENGTHS), rows + 0.5)


def test_an_item_is_a_frame(shown):
    assert len(shown) == 6
    assert shown.num_episodes == 3
    assert shown.ids[-1] == "f5"
    assert shown.read(4).getpixel((0, 0)) == (4, 0, 0)


def test_episodes_are_taken_in_their_order_and_numbered_anew(shown):
    taken = shown.take_episodes(np.array([2, 0]))
    assert taken.ids == ("f4", "f5", "f0", "f1", "f2")
    assert taken.episode_of.tolist() == [0, 0, 1, 1, 1]
    assert taken.read(0).getpixel((0, 0)) == (4, 0, 0)
    np.testing.assert_array_equal(taken.states, shown.states[[4, 5, 0, 1, 2]])
    np.testing.assert_array_equal(taken.actions, -taken.states)
    np.testing.assert_array_equal(taken.privileged, taken.states + 0.5)
    assert taken.fingerprint != shown.fingerprint


def test_all_episodes_are_the_same_demonstrations(shown):
    again = shown.take_episodes(np.arange(3))
    assert again.ids == shown.ids
    assert again.target_fingerprint == shown.target_fingerprint


def test_no_episode_is_no_frame(shown):
    none = shown.take_episodes(np.array([], dtype=np.int64))
    assert len(none) == none.num_episodes == 0


@pytest.mark.parametrize("part", ["states", "actions", "privileged", "episode_of"])
def test_the_fingerprint_of_targets_sees_every_part(shown, part):
    before = shown.target_fingerprint
    getattr(shown, part)[-1] += 1
    assert shown.target_fingerprint != before


def test_data_need_starts(shown):
    starts = EvaluationScenes((), Pictures((), read, ""), np.empty((0, 2)))
    with pytest.raises(InputError, match="data fetch has no test images"):
        DemonstrationData(name="fetch", train=shown, test=starts, about="", scene={}, fps=25.0)
