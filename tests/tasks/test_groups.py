import numpy as np
from PIL import Image

from polyscale.tasks.groups import by_class, by_label, by_range, small_picture


def lists(groups):
    return {name: own.tolist() for name, own in groups.indices.items()}


def test_classes_without_images_are_there():
    groups = by_class(np.array([1, 0, 1]), ["a", "b", "c"])
    assert lists(groups) == {"a": [1], "b": [0, 2], "c": []}
    assert (groups.num_images("b"), groups.num_images("none")) == (2, 0)


def test_an_image_may_have_several_labels_or_none():
    labels = np.array([[True, True], [False, False], [False, True]])
    assert lists(by_label(labels, ["a", "b"])) == {"a": [0], "b": [0, 2], "(no label)": [1]}
    assert "(no label)" not in by_label(labels[:1], ["a", "b"]).indices


def test_every_number_is_in_one_range():
    numbers = np.array([0, 1, 5.9, 6, 3])
    groups = by_range(numbers, 0, 6)
    assert list(groups.indices) == [f"{i} to {i + 1}" for i in range(6)]
    assert sorted(np.concatenate(list(groups.indices.values()))) == [0, 1, 2, 3, 4]
    assert groups.indices["5 to 6"].tolist() == [2, 3]


def test_pictures_become_small_and_are_not_enlarged():
    image = Image.new("RGB", (400, 200))
    assert small_picture(image, 100).size == (100, 50)
    assert image.size == (400, 200)
    assert small_picture(image, 1000).size == (400, 200)
