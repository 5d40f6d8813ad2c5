from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from polyscale.data.colours import colour_depth, colour_labels
from polyscale.report import map_pictures as pictures


def pixels_of(uri: str) -> np.ndarray:
    head, _, content = uri.partition(",")
    assert head in ("data:image/png;base64", "data:image/jpeg;base64")
    return np.asarray(Image.open(BytesIO(b64decode(content))).convert("RGB"))


@pytest.mark.parametrize("num_classes", [4, 150, 400])
def test_labels_come_back_in_their_colours(num_classes):
    labels = np.random.default_rng(0).integers(-1, num_classes, (30, 40)).astype(np.int16)
    shown = pixels_of(pictures.labels_uri(labels, num_classes))
    np.testing.assert_array_equal(shown, colour_labels(labels, num_classes))


def test_wrong_pixels_are_marked_and_ignored_ones_are_not():
    truth = np.zeros((64, 64), np.int16)
    truth[:, 48:] = -1
    said = truth.copy()
    said[:, 16:32] = 1
    said[:, 48:] = 1
    photo = np.full((64, 64, 3), 200, np.uint8)
    shown = pixels_of(pictures.wrong_labels_uri(truth, said, photo)).astype(int)
    np.testing.assert_allclose(shown[32, 24], pictures.WRONG, atol=12)
    for column in (8, 40, 56):
        np.testing.assert_allclose(shown[32, column], [90] * 3, atol=8)


def test_too_far_is_red_too_near_is_blue_and_unknown_grey():
    truth = np.full((32, 96), 2.0, np.float32)
    truth[:, 64:] = np.nan
    said = truth.copy()
    said[:, :32] += 0.5
    said[:, 32:64] -= 0.5
    far, near, unknown = pixels_of(pictures.depth_error_uri(truth, said, 0.5)).astype(int)[
        16, [16, 48, 80]
    ]
    assert far[0] > far[2] + 50
    assert near[2] > near[0] + 50
    np.testing.assert_allclose(unknown, [128] * 3, atol=6)


def test_the_legend_of_depth_has_the_colours_of_its_pictures():
    stops = pictures.depth_css().split(", ")
    ends = colour_depth(np.array([[0.0, 1.0]], np.float32), 0, 1)[0]
    for stop, end in zip((stops[0], stops[-1]), ends, strict=True):
        assert stop == "#" + bytes(end).hex()
    middle = pictures.error_css().split(", ")[pictures.BAR_STEPS // 2]
    assert min(bytes.fromhex(middle[1:])) > 240


def test_ends_of_depth_hold_most_of_it_and_nothing_known_is_fine():
    depth_m = np.linspace(1, 5, 10_000, dtype=np.float32).reshape(100, 100)
    low, high = pictures.depth_ends(depth_m)
    assert (low, high) == pytest.approx((1.04, 4.96), abs=0.01)
    assert pictures.depth_ends(np.full((4, 4), np.nan, np.float32)) == (0, 1)
    flat_low, flat_high = pictures.depth_ends(np.ones((4, 4), np.float32))
    assert flat_low < flat_high
