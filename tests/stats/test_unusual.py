"""Rare looks and ambiguous labels."""

import numpy as np
import pytest

from polyscale.stats import UNUSUAL, ambiguity, rarity


def clouds(rng, num, spread=0.1):
    """Two classes of unit vectors around two directions."""
    labels = np.arange(num) % 2
    centres = np.eye(2, 8)[labels]
    return (centres + rng.normal(0, spread, (num, 8))).astype(np.float32), labels


def test_images_like_the_training_images_are_rare_as_often_as_these():
    rng = np.random.default_rng(0)
    (train, train_labels), (test, labels) = clouds(rng, 400), clouds(rng, 400)
    rare = rarity(train, train_labels, test, labels)
    assert ((rare >= 0) & (rare <= 1)).all()
    assert np.mean(rare >= UNUSUAL) == pytest.approx(1 - UNUSUAL, abs=0.05)


def test_an_image_far_from_its_class_is_rare_even_if_it_is_close_to_another():
    rng = np.random.default_rng(0)
    train, train_labels = clouds(rng, 100)
    test = np.eye(2, 8, dtype=np.float32)
    assert (rarity(train, train_labels, test, np.array([0, 1])) < UNUSUAL).all()
    assert (rarity(train, train_labels, test, np.array([1, 0])) == 1).all()
    assert rarity(train, train_labels, test * 1000, np.array([1, 0])).tolist() == [1, 1]


def test_two_training_images_of_a_class_suffice():
    train = np.float32([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
    labels = np.array([0, 0, 1, 1])
    assert rarity(train, labels, np.float32([[1, 0.05], [1, 2]]), np.array([0, 0]))[1] == 1


def test_a_torn_classifier_means_an_ambiguous_label():
    sure = np.tile([0.9, 0.05, 0.05], (18, 1))
    torn = np.float64([[0.45, 0.45, 0.1]])
    wrong = np.float64([[0.02, 0.96, 0.02]])
    found = ambiguity(np.concatenate([sure, torn, wrong]), np.zeros(20, np.int64))
    assert found.rank.argmax() == 18
    assert found.rank[18] >= UNUSUAL
    assert (found.rank[:18] < UNUSUAL).all()
    assert found.margin[18] == pytest.approx(0)
    # cleanlab doubts the label that the classifier is sure is another one
    assert found.label_quality.argmin() == 19
    assert found.rank[19] < UNUSUAL


def test_scores_that_are_all_equal_single_out_no_image():
    found = ambiguity(np.full((50, 4), 0.25), np.arange(50) % 4)
    assert found.entropy == pytest.approx(np.log(4))
    assert found.rank == pytest.approx(0.5)
