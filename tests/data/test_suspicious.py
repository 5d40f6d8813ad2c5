import numpy as np
from PIL import Image
from tests.data.test_duplicates import encoded, listing

from polyscale.data.suspicious import find_suspicious


def reasons(images, targets=None):
    found = find_suspicious("train", listing([encoded(i) for i in images], targets))
    assert all(one.split == "train" for one in found)
    return {int(one.id): one.reason for one in found}


def test_each_reason_is_told(photograph):
    usual = [photograph.resize((320, 240))] * 3
    flat = photograph.resize((320, 240)).point(lambda _: 90)
    tiny = photograph.resize((20, 40))
    wide = photograph.resize((640, 90))
    small = photograph.resize((60, 60))
    assert reasons([*usual, flat, tiny, wide, small]) == {
        3: "nearly one colour",
        4: "only 20×40 px",
        5: "640×90 px is squashed to a square by most models",
        6: "60×60 px, much smaller than most",
    }


def test_one_file_with_two_targets_is_told(photograph):
    image = photograph.resize((320, 240))
    assert reasons([image, image], [1, 1]) == {}
    words = "the same file as {}, but with another target"
    assert reasons([image, image], [0, 1]) == {0: words.format(1), 1: words.format(0)}
    labels = np.array([[True, False], [True, True]])
    assert reasons([image, image], labels) == {0: words.format(1), 1: words.format(0)}


def test_a_fine_texture_is_not_one_colour():
    stripes = Image.fromarray(np.tile(np.array([[60, 180]], np.uint8), (64, 32)))
    assert reasons([stripes] * 2) == {}


def test_no_images_have_no_reasons():
    assert find_suspicious("test", listing([])) == ()
