"""The section on hard examples, and its sentences."""

from dataclasses import replace

import pytest

from polyscale.records import Estimate, HardExamples, HardImage, HardKind
from polyscale.report.hard_words import (
    hard_answers,
    hard_finding,
    kind_of,
    kinds_text,
    turned_round,
)
from polyscale.report.merge import merge
from polyscale.report.sections.hard import hard_section
from polyscale.report.words import plain_answers

NOTHING = Estimate(0.01, -0.03, 0.05)


def make_image(run, number, **changes):
    hard, *easy = (picture.id for picture in run.pictures[3 * number : 3 * number + 3])
    facts = {
        "id": hard,
        "label": "kitchen",
        "times_found": 8,
        "gain": 0.5,
        "base_prediction": "study",
        "base_probability": 0.125,
        "s2_prediction": "study",
        "s2_probability": 0.25,
        "larger_prediction": "kitchen",
        "larger_probability": 0.75,
        "rarity": 0.97,
        "entropy": 0.7,
        "margin": 0.5,
        "label_quality": 0.75,
        "ambiguity": 0.4,
        "rare": True,
        "ambiguous": False,
        "easy": tuple(easy),
    }
    return HardImage(**{**facts, **changes})


@pytest.fixture
def hard(run):
    """What was found for the first verdict of the run."""
    verdict = run.verdicts[0]
    return HardExamples(
        family=verdict.family,
        base=run.at_scale_1(verdict.s2.backbone).candidate,
        s2=verdict.s2.candidate,
        larger=verdict.larger.candidate,
        num_halvings=5,
        num_test=60,
        num_found=6,
        gain=Estimate(0.21, 0.14, 0.28),
        s2_gain=Estimate(0.45, 0.35, 0.55),
        rare=HardKind(0.30, 0.12, 0.52, 0.10),
        ambiguous=HardKind(0.04, 0.0, 0.09, 0.10),
        images=(make_image(run, 0), make_image(run, 1, rare=False)),
    )


@pytest.fixture
def with_hard(run, hard):
    return replace(run, hard=(hard,), hard_pictures={p.id: p for p in run.pictures})


def test_a_run_without_hard_examples_has_no_section(run):
    assert hard_section(run) is None
    assert hard_answers(run) == []


def test_what_was_found_is_said_with_its_interval(with_hard, hard):
    sentence = hard_finding(with_hard, hard)
    assert sentence.startswith("There are images on which efficientnet_lite")
    assert "+21.0 points (95\N{NO-BREAK SPACE}% interval +14.0" in sentence
    assert plain_answers(with_hard)[-1] == sentence


def test_where_the_interval_reaches_zero_nothing_was_found(with_hard, hard):
    nothing = replace(hard, gain=NOTHING, rare=None, ambiguous=None, images=())
    assert "No images were found" in hard_finding(with_hard, nothing)
    page = str(hard_section(replace(with_hard, hard=(nothing,))))
    assert "No images were found" in page
    assert "<img" not in page
    assert "flatter" not in page
    with pytest.raises(ValueError, match="must hold no images"):
        replace(hard, gain=NOTHING)


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (Estimate(0.45, 0.35, 0.55), "several scales win more on their best images"),
        (Estimate(0.05, 0.00, 0.10), "the larger model wins more on its best images"),
        (Estimate(0.25, 0.20, 0.30), "not clearly less or more"),
    ],
)
def test_the_gain_is_set_beside_that_of_several_scales(with_hard, hard, gain, words):
    assert words in turned_round(with_hard, replace(hard, s2_gain=gain))


def test_shares_of_the_gain_are_set_beside_those_of_all_images(hard):
    text = kinds_text(hard).replace("\N{NO-BREAK SPACE}", " ")
    assert (
        "4 % (95 % interval 0 to 9) is on images with ambiguous labels, less than their share"
        in text
    )
    assert "30 % (95 % interval 12 to 52) is on images that look rare, more than their" in text
    unsure = replace(hard, rare=HardKind(0.1, 0.02, 0.4, 0.1))
    assert "which can’t be told from their" in kinds_text(unsure)
    assert kinds_text(replace(hard, rare=None, ambiguous=None)) == ""


def test_each_hard_image_is_shown_with_its_facts_above_two_easy_ones(with_hard, hard):
    page = str(hard_section(with_hard))
    assert page.count("<article>") == 2
    assert page.count('alt="Hard test image') == 2
    assert page.count('alt="Easy test image') == 4
    for number in ("0.12", "0.25", "0.75", "Found in 8 of 10 searches", "Rarer than 97"):
        assert number in page
    assert page.count('class="right"') == 2  # the larger model, of three candidates
    assert "Neither rare nor ambiguous" in page
    assert [kind_of(image) for image in hard.images] == ["rare look", "neither rare nor ambiguous"]


def test_images_without_a_kept_picture_are_counted(with_hard, hard):
    pictures = {id_: p for id_, p in with_hard.hard_pictures.items() if id_ != hard.images[1].id}
    page = str(hard_section(replace(with_hard, hard_pictures=pictures)))
    assert "1 of 2 hard images" in page
    assert page.count("<article>") == 1


def test_merged_runs_keep_hard_examples_of_rows_that_are_taken(with_hard, hard):
    assert merge([with_hard]).hard == (hard,)
    assert merge([with_hard]).hard_pictures == with_hard.hard_pictures
