from dataclasses import replace

import pytest

from polyscale.report.sections import gallery
from polyscale.report.sections.gallery import draw_gallery, group_pictures
from polyscale.report.sides import sides_of


def test_each_picture_is_once_in_the_group_of_its_answers(run, verdict):
    groups = group_pictures(run.pictures, [verdict], run.models)
    assert sorted(p.id for g in groups for p in g.pictures) == sorted(p.id for p in run.pictures)
    s2, larger, both_fail, *others = groups
    for group, right in ((s2, (True, False)), (larger, (False, True))):
        assert group.telling
        for picture in group.pictures:
            answers = picture.answers
            sides = (verdict.s2.candidate, verdict.larger.candidate)
            assert tuple(answers[side].correct for side in sides) == right
    assert s2.title == (
        "Right with efficientnet_lite0 at scales 1, 2, 3, wrong with the larger efficientnet_lite2"
    )
    for group, right in ((both_fail, False), *((group, True) for group in others)):
        assert not group.telling
        for picture in group.pictures:
            assert picture.answers[verdict.s2.candidate].correct == right
            assert picture.answers[verdict.larger.candidate].correct == right


def test_without_a_verdict_there_is_one_group(run):
    (group,) = group_pictures(run.pictures, [], run.models)
    assert group.title == "Candidates differ"
    assert group.telling


def test_a_second_verdict_takes_what_the_first_leaves(run, verdict):
    turned = replace(verdict, s2=verdict.larger, larger=verdict.s2)
    groups = group_pictures(run.pictures, [verdict, turned], run.models)
    assert sum(len(g.pictures) for g in groups) == len(run.pictures)


def test_no_pictures_make_no_group(run, verdict):
    assert group_pictures([], [verdict], run.models) == []


@pytest.mark.parametrize("task", ["segmentation", "depth"])
def test_each_image_stands_beside_all_three_with_their_own_scores(request, task):
    run = request.getfixturevalue(task)
    drawn = draw_gallery(run, sides_of(run))
    assert drawn.num_left_out == 0
    best_of = max if run.words.sign > 0 else min
    for shown, image in zip(drawn.pictures, run.maps, strict=True):
        titles = [panel.role.title for panel in shown.panels]
        assert titles == ["single scale", "several scales", "larger model"]
        for panel in shown.panels:
            assert panel.score == image.predicted[panel.role.candidate].score
        scores = [panel.score for panel in shown.panels if panel.score is not None]
        assert {p.score for p in shown.panels if p.is_best} == {best_of(scores)}


def test_the_legend_names_what_the_picture_shows(segmentation):
    drawn = draw_gallery(segmentation, sides_of(segmentation))
    names = segmentation.classes.names
    for shown, image in zip(drawn.pictures, segmentation.maps, strict=True):
        legend = [swatch.name for swatch in shown.legend]
        assert legend[-1] == "ignored"
        there = {names[i] for i in range(len(names)) if (image.truth == i).any()}
        assert there <= set(legend[:-1])
        assert len({swatch.css for swatch in shown.legend}) == len(legend)


def test_colours_of_errors_end_at_a_round_number(depth):
    limit_m = draw_gallery(depth, sides_of(depth)).limit_m
    digits = f"{limit_m:g}".replace(".", "").lstrip("0").rstrip("0")
    assert len(digits) == 1
    assert 0.01 <= limit_m <= 5


def test_a_page_holds_no_more_than_it_should(segmentation, monkeypatch):
    sides = sides_of(segmentation)
    whole = draw_gallery(segmentation, sides)
    room = sum(picture.num_chars for picture in whole.pictures[:5])
    monkeypatch.setattr(gallery, "MAX_CHARS", room)
    part = draw_gallery(segmentation, sides)
    assert (len(part.pictures), part.num_left_out) == (5, 7)


@pytest.mark.parametrize("num", [1, 2])
def test_without_a_verdict_the_first_candidates_are_shown(depth, num):
    single = tuple(r for r in depth.results if r.scales == (1,))[:num]
    run = replace(depth, results=single, verdicts=())
    shown = draw_gallery(run, sides_of(run))
    assert [len(picture.panels) for picture in shown.pictures] == [num] * 12
