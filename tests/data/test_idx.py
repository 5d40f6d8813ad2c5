import gzip

import numpy as np
import pytest
from tests.tiny_idx import make_pictures, write_array, write_idx

from polyscale.data import idx, load_classification
from polyscale.errors import InputError


@pytest.fixture
def folder(tmp_path):
    return write_idx(tmp_path / "bars")


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_pictures_and_classes_are_those_of_the_files(tmp_path, ending):
    data = load_classification(f"idx:{write_idx(tmp_path / 'bars', ending=ending)}")
    pixels, labels = make_pictures(30)
    assert (len(data.train), len(data.test), data.class_names) == (30, 12, ("0", "1", "2"))
    np.testing.assert_array_equal(data.train.labels, labels)
    for index in (0, 29):
        picture = data.train.read(index)
        assert picture.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(picture)[..., 1], pixels[index])
    assert not data.is_drawn
    # all pictures are small, so that none is the odd one
    assert not data.report.suspicious


def test_samples_and_names_of_classes(folder):
    (folder / "classes.txt").write_text("left\nmiddle\nright\n")
    data = load_classification(f"idx:{folder}?per_class=4")
    assert data.class_names == ("left", "middle", "right")
    assert np.bincount(data.train.labels).tolist() == [4, 4, 4]
    (folder / "classes.txt").write_text("left\nright\n")
    with pytest.raises(InputError, match="a name for each of 3 classes, but has 2"):
        load_classification(f"idx:{folder}")


def test_fashion_mnist_is_debians_folder(folder, monkeypatch):
    monkeypatch.setattr(idx, "FASHION_FOLDER", folder)
    data = load_classification("fashion-mnist?limit=12")
    assert (data.name, len(data.train)) == ("fashion-mnist?limit=12", 12)
    assert data.class_names == ("T-shirt/top", "trouser", "pullover")


def test_fashion_mnist_that_is_not_installed_names_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(idx, "FASHION_FOLDER", tmp_path / "none")
    with pytest.raises(InputError, match="Run: apt install dataset-fashion-mnist"):
        load_classification("fashion-mnist")
    with pytest.raises(InputError, match="Did you mean 'fashion-mnist'"):
        load_classification("fashion-mnits")


IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


def shorten(file):
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes())[:-5]))


BREAKS = {
    "missing": (IMAGES, lambda f: f.unlink(), f"must hold {IMAGES[:-3]} or {IMAGES}, but"),
    "cut": (IMAGES, lambda f: f.write_bytes(f.read_bytes()[:-300]), "must be a whole file"),
    "short": (IMAGES, shorten, "23520 bytes should follow its header, but there are 23515"),
    "empty": (IMAGES, lambda f: f.write_bytes(b""), "must be a whole file in MNIST's format"),
    "text": (IMAGES, lambda f: f.write_bytes(b"no gzip"), "must be a whole file"),
    "swapped": (
        LABELS,
        lambda f: write_array(f, make_pictures(30)[0]),
        "its header is not that of labels",
    ),
    "none": (LABELS, lambda f: write_array(f, np.zeros(0, np.uint8)), "its header says 0 bytes"),
    "fewer": (LABELS, lambda f: write_array(f, np.zeros(9, np.uint8)), "but has 9 for 30"),
}


@pytest.mark.parametrize("how", BREAKS)
def test_damaged_folders_are_refused(folder, how):
    name, damage, message = BREAKS[how]
    damage(folder / name)
    with pytest.raises(InputError, match=message):
        load_classification(f"idx:{folder}")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="does not exist. Check the path"):
        load_classification(f"idx:{tmp_path / 'none'}")
