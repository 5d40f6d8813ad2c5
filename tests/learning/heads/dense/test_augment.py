import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from polyscale.data.dataset import DenseImages
from polyscale.errors import InputError
from polyscale.learning.heads.dense.augment import (
    PAD_RGB,
    AugmentSettings,
    change,
    change_colours,
    online_batches,
)
from polyscale.learning.heads.dense.train import train_head
from polyscale.learning.training import TrainSettings


def ramps(height, width):
    """A picture that says where each pixel was: red grows to the right, green downwards."""
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x * 255 / (width - 1), y * 255 / (height - 1), 0 * x], axis=-1)
    return Image.fromarray(pixels.round().astype(np.uint8)), x, y


@given(
    height=st.integers(40, 90),
    width=st.integers(40, 90),
    crop_hw=st.tuples(st.integers(20, 70), st.integers(20, 70)),
    seed=st.integers(0, 1000),
)
def test_picture_and_target_move_together(height, width, crop_hw, seed):
    image, x, y = ramps(height, width)
    settings = AugmentSettings(crop_hw=crop_hw, colours=False)
    found = {}
    for axis, side, value in ((0, width, x), (1, height, y)):
        depth = (value * 255 / (side - 1)).astype(np.float32)
        picture, target = change(image, depth, settings, np.random.default_rng(seed))
        assert picture.size == crop_hw[::-1]
        assert target.shape == crop_hw
        found[axis] = (np.asarray(picture)[..., axis].astype(float), target)
        # no value is made that was not there
        assert np.isin(target[np.isfinite(target)], depth).all()
    known = np.isfinite(found[0][1])
    assert known.any()
    np.testing.assert_array_equal(known, np.isfinite(found[1][1]))
    assert (np.asarray(picture)[~known] == PAD_RGB).all()
    for side, (pixels, target) in zip((width, height), found.values(), strict=True):
        assert np.abs(pixels - target)[known].max() < 2.5 * 255 / (side - 1) + 1


def test_nothing_to_do_changes_nothing():
    image, x, _ = ramps(48, 64)
    settings = AugmentSettings(crop_hw=(48, 64), resize=(1, 1), flip=False, colours=False)
    picture, target = change(image, x.astype(np.int16), settings, np.random.default_rng(0))
    np.testing.assert_array_equal(picture, image)
    np.testing.assert_array_equal(target, x)
    assert target.dtype == np.int16


def test_sizes_and_flips_come_as_often_as_they_should():
    image, x, _ = ramps(40, 40)
    settings = AugmentSettings(crop_hw=(40, 40), colours=False)
    depth = x.astype(np.float32)
    targets = [change(image, depth, settings, np.random.default_rng(s))[1] for s in range(300)]
    shares = [np.isfinite(t).mean() ** 0.5 for t in targets]  # of the crop that is filled
    assert 0.49 < min(shares) < 0.52
    assert 0.2 < np.mean(np.array(shares) < 0.999) < 0.46  # a third is smaller than the crop
    flipped = [t[0, 0] > t[0, 10] for t in targets]
    assert 0.4 < np.mean(flipped) < 0.6


def test_crops_that_one_class_fills_are_drawn_again():
    """One draw is good in 7 or 3 of 49 cases, so ten are in 78 % or 47 %."""
    image, x, _ = ramps(64, 64)
    labels = np.where(x < 8, 1, 0).astype(np.int16)
    labels[:, 40:] = -1  # ignored pixels are no class

    def share_of_good_crops(max_class_share):
        settings = AugmentSettings(
            crop_hw=(16, 16), resize=(4, 4), max_class_share=max_class_share, colours=False
        )

        def is_good(seed):
            target = change(image, labels, settings, np.random.default_rng(seed))[1]
            counts = np.bincount(target[target >= 0], minlength=2)
            return counts.min() > 0 and counts.max() < max_class_share * counts.sum()

        return np.mean([is_good(seed) for seed in range(200)])

    assert 0.68 < share_of_good_crops(1) < 0.88
    assert 0.36 < share_of_good_crops(0.75) < 0.58


def test_colours_change_within_their_range():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    image = Image.fromarray(pixels)
    changed = [change_colours(image, np.random.default_rng(s)) for s in range(200)]
    same = np.mean([np.array_equal(c, pixels) for c in changed])
    assert 0.02 < same < 0.12  # one in sixteen
    assert all(c.mode == "RGB" and c.size == image.size for c in changed)
    grey = Image.new("RGB", (1, 1), (100, 100, 100))
    values = [change_colours(grey, np.random.default_rng(s)).getpixel((0, 0)) for s in range(500)]
    assert all(r == g == b for r, g, b in values)  # grey has neither saturation nor hue
    assert 34 <= min(values)[0] < 45
    assert 180 < max(values)[0] <= 198


@pytest.fixture
def images():
    pictures = [ramps(30 + i, 40) for i in range(6)]
    return DenseImages(
        ids=tuple("abcdef"),
        sizes_hw=tuple(p.size[::-1] for p, *_ in pictures),
        read=lambda index, min_side=None: pictures[index][0],
        target=lambda index: (pictures[index][1] // 14).astype(np.int16),
        fingerprint="",
        target_fingerprint="",
    )


def extract(pictures):
    """A backbone of averages, in the mode in which features are made."""
    with torch.inference_mode():
        pixels = torch.from_numpy(np.stack([np.asarray(p) for p in pictures])) / 127.5 - 1
        return torch.nn.functional.avg_pool2d(pixels.permute(0, 3, 1, 2), 4)


def test_online_batches_are_a_pure_function_of_the_step(images):
    settings = AugmentSettings(crop_hw=(24, 32))
    batches = online_batches(images, extract, settings, batch=4, seed=1)
    maps, target = batches(5)
    assert maps.shape == (4, 3, 6, 8)
    assert target.shape == (4, 24, 32)
    assert target.dtype == torch.int64
    again = online_batches(images, extract, settings, batch=4, seed=1)
    again(3)
    assert all(map(torch.equal, again(5), (maps, target)))
    assert not torch.equal(batches(8)[0], maps)  # two epochs later, the same images
    other = online_batches(images, extract, settings, batch=4, seed=2)
    assert not torch.equal(other(5)[0], maps)


def test_a_head_learns_online(images, toy):
    settings = AugmentSettings(crop_hw=(24, 32), flip=False, colours=False, resize=(0.9, 1.1))
    head = toy.ToyHead(in_channels=3, num_classes=3, dropout=0)
    training = TrainSettings(steps=60, batch=4, learning_rate=0.1)
    batches = online_batches(images, extract, settings, batch=4, seed=0)
    report = train_head(head, batches, training)
    assert report.final_loss < 0.5 * report.losses[0]


@pytest.mark.parametrize(
    "options",
    [
        {"crop_hw": (0, 5)},
        {"crop_hw": 3},
        {"crop_hw": (5, 5.5)},
        {"resize": (2, 1)},
        {"resize": (0, 1)},
        {"resize": 1.0},
        {"max_class_share": 0},
        {"max_class_share": "all"},
    ],
)
def test_settings_that_make_no_sense(options):
    with pytest.raises(InputError, match=f"{next(iter(options))} must be"):
        AugmentSettings(**{"crop_hw": (5, 5)} | options)


def test_depth_does_not_resize():
    AugmentSettings(crop_hw=(5, 5), resize=(1, 1)).check_for_depth()
    AugmentSettings(crop_hw=(5, 5), resize=[1.0, 1.0]).check_for_depth()
    for resize in ((0.5, 2.0), (1, 1.5)):
        with pytest.raises(InputError, match=r"resize must be \(1, 1\) for depth, but got .*Pass"):
            AugmentSettings(crop_hw=(5, 5), resize=resize).check_for_depth()
