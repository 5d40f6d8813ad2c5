import numpy as np
import pytest

from polyscale.data import load_classification, load_depth
from polyscale.data.limit import draw_sample, limit_of, with_limit
from polyscale.errors import InputError

IDS = [f"image {i}" for i in range(100)]
CLASSES = np.repeat([0, 1, 2], [70, 25, 5])


def counts(num, **options):
    chosen = draw_sample(IDS, CLASSES, num, least=2, seed=0, **options)
    assert (np.diff(chosen) > 0).all()
    return np.bincount(CLASSES[chosen]).tolist()


def test_classes_keep_their_proportions_and_rare_ones_some_images():
    assert counts(40) == [28, 10, 2]
    assert counts(10) == [6, 2, 2]
    assert counts(1000) == [70, 25, 5]


def test_a_smaller_sample_is_part_of_a_larger_one_and_the_seed_draws_another():
    draws = {
        num: set(draw_sample(IDS, CLASSES, num, least=2, seed=0).tolist()) for num in (8, 20, 50)
    }
    assert draws[8] < draws[20] < draws[50]
    assert draws[20] != set(draw_sample(IDS, CLASSES, 20, least=2, seed=1).tolist())


def test_too_few_images_for_the_classes_are_refused():
    with pytest.raises(InputError, match="limit must be at least 6, so that 3 classes have 2"):
        counts(5)


def test_rooms_and_folders_are_limited_and_say_so(image_folder):
    rooms = load_classification("rooms?limit=40", seed=3)
    assert (len(rooms.train), len(rooms.test), rooms.name) == (40, 40, "rooms?limit=40")
    assert rooms.about.endswith(
        "at most 40 images of each split drawn by seed 3, in proportion to the classes"
    )
    assert np.bincount(rooms.train.labels).tolist() == [5] * 8
    assert rooms.train.read(0).size == (448, 448)
    folder = load_classification(f"folder:{image_folder}?limit=15")
    assert len(folder.train) + len(folder.test) == 15
    assert "at most 15 images of all drawn by seed 0" in folder.about
    assert len(load_depth("rooms?limit=9").test) == 9
    everything = load_classification("rooms")
    assert (rooms.num_unlimited, everything.num_unlimited) == (len(everything.test), None)
    assert folder.num_unlimited == 36


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("rooms?limit=1", "option limit of data must be a whole number of at least 2"),
        ("rooms?limit=x", "must be a whole number"),
        ("rooms?per_class=3", "options of data must be among limit"),
        ("folder:{}?limit=20&per_class=3", "must be per_class or limit, but both are given"),
        ("folder:{}?limit=5", "limit must be at least 9"),
    ],
)
def test_bad_limits_are_refused(source, words, image_folder):
    with pytest.raises(InputError, match=words):
        load_classification(source.format(image_folder))


def test_a_limit_is_written_behind_a_source():
    assert with_limit("rooms", None) == "rooms"
    assert with_limit("rooms", 40) == "rooms?limit=40"
    assert with_limit("csv:a.csv?label=x", 40) == "csv:a.csv?label=x&limit=40"


def test_a_limit_replaces_the_one_that_is_there():
    assert with_limit("rooms?limit=40", 50) == "rooms?limit=50"
    assert with_limit("csv:a.csv?limit=40&label=x", 50) == "csv:a.csv?limit=50&label=x"
    assert with_limit("csv:a.csv?label=x&limit=40", 50) == "csv:a.csv?label=x&limit=50"
    assert with_limit("folder:a?limit=4/b", 50) == "folder:a?limit=4/b&limit=50"
    assert (limit_of("rooms?limit=40"), limit_of("rooms")) == (40, None)
