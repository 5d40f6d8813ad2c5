"""Labels and depth of `rooms` are what its README says."""

import re
from importlib.resources import files

import numpy as np
import pytest

from polyscale.data import load_depth, load_rooms

README = (files("polyscale.data") / "rooms" / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def rooms(rooms_segmentation):
    return rooms_segmentation


def test_features_are_shared_with_classification(rooms):
    plain, depth = load_rooms(), load_depth("rooms")
    for split in ("train", "test"):
        ours, theirs = getattr(rooms, split), getattr(plain, split)
        assert ours.fingerprint == theirs.fingerprint == getattr(depth, split).fingerprint
        assert ours.ids == theirs.ids
        np.testing.assert_array_equal(ours.read(3), theirs.read(3))
        assert set(ours.sizes_hw) == {(448, 448)}


def test_class_shares_are_the_readmes(rooms):
    """Every pixel of all 720 masks."""
    rows = re.findall(r"^\| (\d+) \| ([a-z]+) \| ([\d.]+) \| (\d+) \|$", README, re.MULTILINE)
    rows = [row for row in rows if row[0] != "0"]
    assert rooms.class_names == tuple(name for _, name, _, _ in rows)
    pixels, pictures = np.zeros(29), np.zeros(29)
    for split in (rooms.train, rooms.test):
        for i in range(len(split)):
            labels = split.target(i)
            assert labels.dtype == np.int16
            assert labels.min() >= 0  # nothing is unlabelled
            counts = np.bincount(labels.ravel(), minlength=29)
            pixels += counts
            pictures += counts > 0
    shares = 100 * pixels / pixels.sum()
    np.testing.assert_allclose(shares, [float(row[2]) for row in rows], atol=0.00501)
    assert pictures.tolist() == [int(row[3]) for row in rows]


def test_the_ceiling_is_never_tested(rooms):
    assert rooms.notes == (
        "Classes in no test image: 1 ('ceiling'); nothing is known of how well they are found.",
    )


def test_depth_is_metres_in_steps_of_a_centimetre():
    data = load_depth("rooms")
    metres = np.stack([data.test.target(i) for i in range(0, 240, 8)])
    assert metres.dtype == np.float32
    assert not np.isnan(metres).any()
    assert 0.23 <= metres.min() < 0.5 < 3 < metres.max() <= 4.99
    np.testing.assert_allclose(metres * 100, np.round(metres * 100), atol=1e-3)
    assert (data.min_depth_m, data.max_depth_m, data.crop_yxyx) == (1e-3, 10.0, None)
