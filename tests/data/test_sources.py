import pytest

from polyscale.data import load_classification, load_depth, load_segmentation
from polyscale.errors import InputError


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("room", "Did you mean 'rooms'"),
        ("folder:", "data must be rooms, fashion-mnist, folder:PATH"),
        ("foldr:a", "Did you mean 'folder'"),
        ("zip:a", "data must be rooms, fashion-mnist, folder:PATH"),
        ("folder:a?per_clas=5", "must be among per_class, limit, but got 'per_clas'. Did you mean"),
        ("csv:a?per_class=", "option per_class of data must be given once, with a value"),
        ("csv:a?per_class=3&per_class=4", "must be given once"),
        ("folder:a?per_class=2", "per_class of data must be a whole number of at least 3, but got"),
        ("folder:a?per_class=-5", "per_class of data must be a whole number"),
        ("folder:~nobody-of-that-name/a", "does not exist"),
    ],
)
def test_unknown_data(source, message):
    with pytest.raises(InputError, match=message):
        load_classification(source)


def test_bare_path_is_recognised(image_folder):
    with pytest.raises(InputError, match=f"Did you mean 'folder:{image_folder}'"):
        load_classification(str(image_folder))


def test_a_question_mark_of_the_name(image_folder):
    renamed = image_folder.rename(image_folder.parent / "cat or dog?")
    assert len(load_classification(f"folder:{renamed}").train) == 24
    assert len(load_classification(f"folder:{renamed}?per_class=3").train) == 6


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("room", "Did you mean 'rooms'"),
        ("pairs:", "data must be rooms, ade20k:PATH, pairs:PATH, nyu:PATH, hf:PATH or hf:NAME"),
        ("ade:a", "but got 'ade:a'"),
        ("folder:a", "but got 'folder:a'"),
        ("pairs:a?ignor=5", "must be among ignore, reduce_zero, classes, .* Did you mean 'ignore'"),
        ("pairs:.?reduce_zero=1", "must have the folders images and masks"),
        ("nyu:none", "'none' has neither. Check the path"),
        ("ade20k:none", "has no images/training"),
    ],
)
def test_unknown_segmentation(source, message):
    with pytest.raises(InputError, match=message):
        load_segmentation(source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("ade20k:a", "data must be rooms, pairs:PATH, nyu:PATH, hf:PATH or hf:NAME, but got"),
        ("pairs:a?per_metre=0", "option per_metre of data must be a number above 0, but got '0'"),
        ("pairs:a?max=inf", "option max of data must be a number above 0, but got 'inf'"),
        ("pairs:a?min=x", "option min of data must be a number above 0, but got 'x'"),
        ("pairs:a?min=3&max=2", r"option min of data must be below max \(2 metres\), but got 3"),
        ("nyu:a?crop=garg", "option crop of data must be eigen or none, but got 'garg'"),
    ],
)
def test_unknown_depth(source, message):
    with pytest.raises(InputError, match=message):
        load_depth(source)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("ignore=1.5", "option ignore of data must be a whole number or none, but got '1.5'"),
        ("reduce_zero=yes", "option reduce_zero of data must be 0 or 1, but got 'yes'"),
        ("classes=none.txt", "class names 'none.txt' must be text in UTF-8, but cannot be read"),
    ],
)
def test_options_of_masks(scenes, options, message):
    root, _ = scenes()
    with pytest.raises(InputError, match=message):
        load_segmentation(f"pairs:{root}?{options}")


def test_bare_path_of_pairs_is_recognised(tmp_path):
    with pytest.raises(InputError, match=f"Did you mean 'pairs:{tmp_path}'"):
        load_segmentation(str(tmp_path))
