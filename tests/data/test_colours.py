from itertools import combinations

import numpy as np
import pytest

from polyscale.data.colours import NEUTRAL, colour_depth, colour_labels
from polyscale.errors import InputError


def colours_of(num_classes: int) -> np.ndarray:
    return colour_labels(np.arange(num_classes, dtype=np.int16)[None], num_classes)[0]


def test_a_class_keeps_its_colour_whatever_the_number_of_classes():
    np.testing.assert_array_equal(colours_of(150)[:30], colours_of(30))


def test_classes_and_what_is_ignored_are_told_apart():
    lab = pytest.importorskip("skimage.color").rgb2lab
    colours = [tuple(map(int, c)) for c in colours_of(30)]
    apart = [
        np.linalg.norm(lab(np.uint8([a])) - lab(np.uint8([b])))
        for a, b in combinations([*colours, NEUTRAL], 2)
    ]
    # ΔE of 2.3 is just seen; neighbours in a list of thirty must be seen at a glance
    assert min(apart) > 10
    assert len({*map(tuple, colours_of(512))}) == 512


def test_ignored_is_grey_and_more_classes_start_again():
    labels = np.array([[-1, 0, 512]], dtype=np.int16)
    ignored, first, again = colour_labels(labels, 600)[0]
    assert tuple(ignored) == NEUTRAL
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("label", [-2, 4])
def test_a_label_that_is_no_class_is_refused(label):
    with pytest.raises(InputError, match=f"from 0 to 3, or -1 for ignored .* but got {label}"):
        colour_labels(np.full((2, 2), label, dtype=np.int16), 4)


def test_farther_is_darker_and_beyond_the_ends_is_the_end():
    depth_m = np.array([[0.0, 1.0, 2.0, 3.0, 4.0, 9.0, np.nan, np.inf]], dtype=np.float32)
    colours = colour_depth(depth_m, 1.0, 4.0)
    assert (colours.dtype, colours.shape) == (np.uint8, (1, 8, 3))
    luma = colours[0] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luma[1:5]) < 0).all()
    np.testing.assert_array_equal(colours[0, 0], colours[0, 1])
    np.testing.assert_array_equal(colours[0, 4], colours[0, 5])
    assert [tuple(c) for c in colours[0, 6:]] == [NEUTRAL, NEUTRAL]


def test_ends_out_of_order_are_refused():
    with pytest.raises(InputError, match="low_m must be below high_m, but got 2 and 2"):
        colour_depth(np.ones((2, 2), np.float32), 2, 2)
