import pytest

from polyscale.data import load_depth, load_segmentation
from polyscale.errors import InputError


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
        ("ade20k:a", "data must be rooms, nyu:PATH, pairs:PATH, hf:PATH or hf:NAME, but got"),
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


def test_bare_path_is_recognised(tmp_path):
    with pytest.raises(InputError, match=f"Did you mean 'pairs:{tmp_path}'"):
        load_segmentation(str(tmp_path))
