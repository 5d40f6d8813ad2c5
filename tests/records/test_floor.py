"""Floors: what a candidate must beat."""

from dataclasses import replace

import pytest

from polyscale.records import Contrast, Floor

CONTRAST = Contrast(
    first="a@1",
    second="most frequent class",
    metric="accuracy",
    higher_is_better=True,
    difference=0.2,
    ci_low=0.1,
    ci_high=0.3,
    ci90_low=0.12,
    ci90_high=0.28,
    only_first=30,
    only_second=10,
    p_value=0.01,
    margin=0.01,
    p_equivalence=0.9,
    num_test=100,
)


def floor(**changes):
    contrast = replace(CONTRAST, **changes)
    about = "Every image is of the most frequent class of the training images."
    return Floor(
        name="most frequent class",
        about=about,
        value=0.4,
        ci_low=0.3,
        ci_high=0.5,
        contrasts=(contrast,),
    )


def test_a_floor_is_beaten_when_the_whole_interval_says_so():
    assert floor().beaten_by("a@1")
    assert not floor(ci_low=-0.01).beaten_by("a@1")


def test_of_errors_less_is_better():
    assert floor(higher_is_better=False, ci_low=-0.3, ci_high=-0.1).beaten_by("a@1")
    assert not floor(higher_is_better=False).beaten_by("a@1")


def test_a_candidate_without_a_contrast_is_no_answer():
    with pytest.raises(KeyError):
        floor().beaten_by("b@1")


def test_a_floor_is_read_as_it_was_written():
    written = floor().to_dict() | {"contrasts": [CONTRAST.to_dict()]}
    assert Floor.from_dict(written) == floor()
