import numpy as np
import pytest

from polyscale.data.listing import Listing, assign_roles, draw_test, sample
from polyscale.errors import InputError


def listing(counts, prefix=""):
    labels = np.repeat(np.arange(len(counts)), counts)
    ids = tuple(f"{prefix}{label}/{i}" for i, label in enumerate(labels))
    return Listing(ids, lambda index: ids[index].encode(), labels)


@pytest.mark.parametrize("counts", [(3, 4, 12), (100, 3), (6, 6, 6)])
def test_a_third_of_each_class(counts):
    train, test = draw_test(listing(counts), seed=0)
    assert np.bincount(test.classes).tolist() == [max(1, round(n / 3)) for n in counts]
    assert sorted(train.ids + test.ids) == sorted(listing(counts).ids)
    for split in (train, test):
        assert [split.content(i).decode() for i in range(len(split))] == list(split.ids)


def test_the_draw_follows_the_seed_and_not_the_order():
    images = listing((30, 30))
    shuffled = images.take(np.random.default_rng(0).permutation(60))
    drawn = set(draw_test(images, seed=0)[1].ids)
    assert set(draw_test(shuffled, seed=0)[1].ids) == drawn
    assert set(draw_test(images, seed=1)[1].ids) != drawn


def test_a_new_image_moves_at_most_one_other():
    images = listing((30, 30))
    before = set(draw_test(images.take(range(59)), seed=0)[1].ids)
    after = set(draw_test(images, seed=0)[1].ids)
    assert len(before - after) <= 1


def test_the_draw_is_even():
    """Each image is drawn in a third of the seeds: binomial, 5 standard deviations."""
    images = listing((12,))
    drawn = [i for seed in range(400) for i in draw_test(images, seed=seed)[1].ids]
    shares = np.array([drawn.count(i) for i in images.ids]) / 400
    assert np.abs(shares - 1 / 3).max() < 5 * np.sqrt(2 / 9 / 400)


def test_samples_are_nested_and_keep_the_order():
    images = listing((20, 5))
    small, large = (sample(images, n, seed=3) for n in (4, 8))
    assert np.bincount(small.classes).tolist() == [4, 4]
    assert np.bincount(large.classes).tolist() == [8, 5]
    assert set(small.ids) < set(large.ids)
    assert list(small.ids) == [i for i in images.ids if i in small.ids]


@pytest.mark.parametrize(
    ("names", "train", "test", "about"),
    [
        (["train", "test"], "train", "test", "the data's own train and test"),
        (["train", "val", "test"], "train", "test", "the data's own train and test; val left out"),
        (["Training", "validation"], "Training", "validation", None),
        (["train"], "train", None, None),
        (["all"], "all", None, None),
        (["train", "extra"], "train", None, None),
    ],
)
def test_roles(names, train, test, about):
    splits, words = assign_roles(names, where="x")
    assert splits == [train, test][: len(splits)]
    assert (words is None) == (test is None) == (len(splits) == 1)
    assert about is None or words == about


def test_roles_by_the_user():
    splits, _ = assign_roles(["a", "b", "train"], where="x", train="b", test="a")
    assert splits == ["b", "a"]


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["a", "b"], {}, "x must have splits called train and test or val, but has a, b"),
        (["val", "test"], {}, "x must have splits called"),
        (["train"], {"test": "tset"}, r"test must be a split of x \(train\), but got 'tset'"),
        (["train"], {"test": "train"}, "x must have splits called"),
    ],
)
def test_roles_that_cannot_be_given(names, options, message):
    with pytest.raises(InputError, match=message):
        assign_roles(names, where="x", **options)
