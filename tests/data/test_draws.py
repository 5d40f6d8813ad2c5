from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from polyscale.data import (
    ClassificationData,
    DenseImages,
    LabelledImages,
    SegmentationData,
    draw_again,
    draw_kind,
)
from polyscale.data.listing import Listing, draw_test
from polyscale.errors import InputError


def images(split, num):
    """Images whose brightness is their number, of three classes."""
    ids = tuple(f"{split}/{i}" for i in range(num))
    start = 0 if split == "train" else 100

    def read(index, min_side=None):
        return Image.new("RGB", (4, 4), (start + index,) * 3)

    return LabelledImages(ids, np.arange(num) % 3, read, split)


@pytest.fixture
def data():
    splits = {"train": images("train", 24), "test": images("test", 12)}
    return ClassificationData(name="grey", class_names=("a", "b", "c"), about="", **splits)


def brightness(split):
    return [split.read(i).getpixel((0, 0))[0] for i in range(len(split))]


def test_a_drawn_split_is_drawn_again_as_its_seed_would(data):
    data = replace(data, is_drawn=True)
    draw = draw_again(data, seed=7)
    assert draw_kind(data) == "split"
    ids = (*data.train.ids, *data.test.ids)
    targets = np.concatenate([data.train.targets, data.test.targets])
    train, test = draw_test(Listing(ids, lambda i: b"", targets), seed=7)
    assert set(draw.data.train.ids) == set(train.ids)
    assert set(draw.data.test.ids) == set(test.ids)
    assert set(draw.data.test.ids) != set(data.test.ids)


@pytest.mark.parametrize("is_drawn", [True, False])
def test_images_targets_and_indices_stay_together(data, is_drawn):
    data = replace(data, is_drawn=is_drawn)
    draw = draw_again(data, seed=1)
    ids = np.array([*data.train.ids, *data.test.ids])
    grey = np.array([*brightness(data.train), *brightness(data.test)])
    targets = np.concatenate([data.train.targets, data.test.targets])
    for split, chosen in ((draw.data.train, draw.train), (draw.data.test, draw.test)):
        assert list(split.ids) == ids[chosen].tolist()
        assert brightness(split) == grey[chosen].tolist()
        assert (split.targets == targets[chosen]).all()
    assert not set(draw.train.tolist()) & set(draw.test.tolist())


def test_an_own_split_keeps_its_test_images_and_half_of_each_class(data):
    draws = [draw_again(data, seed=seed) for seed in range(4)]
    assert draw_kind(data) == "training"
    for draw in draws:
        assert draw.data.test.ids == data.test.ids
        assert set(draw.data.train.ids) < set(data.train.ids)
        assert np.bincount(draw.data.train.labels).tolist() == [4, 4, 4]
    assert len({draw.data.train.ids for draw in draws}) == 4
    assert len({draw.data.train.fingerprint for draw in draws}) == 4


def test_rare_classes_keep_two_images(data):
    few = data.train.take(np.array([0, 1, 2, 3, 4, 5, 6, 9]))
    draw = draw_again(replace(data, train=few), seed=0)
    assert np.bincount(draw.data.train.labels).tolist() == [2, 2, 2]


@pytest.mark.parametrize("is_drawn", [True, False])
def test_targets_of_pixels_stay_with_their_images(data, is_drawn):
    def dense(split, height):
        """Images whose brightness is their number, as each of their labels is."""

        def target(index):
            return np.full((height, 4), split.read(index).getpixel((0, 0))[0], np.int16)

        sizes_hw = ((height, 4),) * len(split)
        return DenseImages(split.ids, sizes_hw, split.read, target, split.fingerprint, "masks")

    splits = {"train": dense(data.train, 5), "test": dense(data.test, 6)}
    pixels = SegmentationData(
        name="grey", class_names=("a", "b"), about="", is_drawn=is_drawn, **splits
    )
    draws = [draw_again(pixels, seed=seed) for seed in range(3)]
    for draw in draws:
        assert not set(draw.data.train.ids) & set(draw.data.test.ids)
        for split in (draw.data.train, draw.data.test):
            for i, (name, grey) in enumerate(zip(split.ids, brightness(split), strict=True)):
                assert split.sizes_hw[i] == ((5, 4) if name.startswith("train") else (6, 4))
                assert split.target(i).shape == split.sizes_hw[i]
                assert (split.target(i) == grey).all()
        assert (draw.data.test.ids == data.test.ids) != is_drawn
    assert len({draw.data.train.target_fingerprint for draw in draws}) == 3


def test_data_of_another_kind_are_refused(data):
    with pytest.raises(InputError, match=r"'own' must be a dataclass .* Leave repeats out"):
        draw_again(type("Own", (), {"name": "own"})(), seed=0)
    with pytest.raises(InputError, match="must be a dataclass whose splits have all fields of"):
        draw_again(replace(data, test=data.test.ids), seed=0)
