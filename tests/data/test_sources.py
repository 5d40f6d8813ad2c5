import pytest

from polyscale.data import load_classification
from polyscale.errors import InputError


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("room", "Did you mean 'rooms'"),
        ("folder:", "data must be rooms, folder:PATH"),
        ("foldr:a", "Did you mean 'folder'"),
        ("zip:a", "data must be rooms, folder:PATH"),
        ("folder:a?per_clas=5", "must be among per_class, but got 'per_clas'. Did you mean"),
        ("csv:a?per_class=", "option per_class of data must be given once, with a value"),
        ("csv:a?per_class=3&per_class=4", "must be given once"),
        ("folder:a?per_class=2", "per_class must be a whole number from 3, but got '2'"),
        ("folder:a?per_class=-5", "per_class must be a whole number"),
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
