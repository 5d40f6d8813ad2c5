from dataclasses import replace

import pytest

from polyscale.report.sections import gallery
from polyscale.report.sections.gallery import draw_gallery, group_pictures


def is_right(run, candidate, picture) -> bool:
    return bool(run.images.correct[candidate][run.images.index[picture.id]])


def test_each_picture_is_once_in_the_group_of_its_answers(run, verdict):
    groups = group_pictures(run)
    assert sorted(p.id for g in groups for p in g.pictures) == sorted(p.id for p in run.pictures)
    s2, larger, both_fail, *others = groups
    for group, right in ((s2, (True, False)), (larger, (False, True))):
        assert group.telling
        for picture in group.pictures:
            sides = (verdict.s2.candidate, verdict.larger.candidate)
            assert tuple(is_right(run, side, picture) for side in sides) == right
    assert s2.title == (
        "Right with efficientnet_lite0 at scales 1, 2, 3, wrong with the larger efficientnet_lite2"
    )
    for group, right in ((both_fail, False), *((group, True) for group in others)):
        assert not group.telling
        for picture in group.pictures:
            assert is_right(run, verdict.s2.candidate, picture) == right
            assert is_right(run, verdict.larger.candidate, picture) == right


def test_without_a_verdict_there_is_one_group(run):
    (group,) = group_pictures(replace(run, verdicts=()))
    assert group.title == "Candidates differ"
    assert group.telling


def test_a_second_verdict_takes_what_the_first_leaves(run, verdict):
    turned = replace(verdict, s2=verdict.larger, larger=verdict.s2)
    groups = group_pictures(replace(run, verdicts=(verdict, turned)))
    assert sum(len(g.pictures) for g in groups) == len(run.pictures)


def test_no_pictures_make_no_group(run):
    assert group_pictures(replace(run, pictures=())) == []


def test_pictures_without_right_and_wrong_are_one_group(run):
    """Whatever the verdicts: they say nothing of single images."""
    images = replace(run.images, labels=None)
    (group,) = group_pictures(replace(run, images=images))
    assert (group.title, group.telling) == ("Candidates differ", True)


@pytest.mark.parametrize("task", ["segmentation", "depth"])
def test_each_image_stands_beside_all_three_with_their_own_scores(request, task):
    run = request.getfixturevalue(task)
    drawn, _ = draw_gallery(run)
    best_of = max if run.words.sign > 0 else min
    for shown, image in zip(drawn, run.maps, strict=True):
        titles = [panel.role.title for panel in shown.panels]
        assert titles == ["single scale", "several scales", "larger model"]
        for panel in shown.panels:
            assert panel.score == image.scores[panel.role.candidate]
        scores = [panel.score for panel in shown.panels if panel.score is not None]
        assert {p.score for p in shown.panels if p.is_best} == {best_of(scores)}


def test_the_legend_names_what_the_picture_shows(segmentation):
    drawn, _ = draw_gallery(segmentation)
    names = segmentation.classes.names
    for shown, image in zip(drawn, segmentation.maps, strict=True):
        colours, legend = zip(*shown.legend, strict=True)
        assert legend[-1] == "ignored"
        there = {names[i] for i in range(len(names)) if (image.truth == i).any()}
        assert there <= set(legend[:-1])
        assert len(set(colours)) == len(legend)


def test_colours_of_errors_end_at_a_round_number(depth):
    _, limit_m = draw_gallery(depth)
    digits = f"{limit_m:g}".replace(".", "").lstrip("0").rstrip("0")
    assert len(digits) == 1
    assert 0.01 <= limit_m <= 5


def test_a_page_holds_no_more_than_it_should(segmentation, monkeypatch):
    whole, _ = draw_gallery(segmentation)
    monkeypatch.setattr(gallery, "MAX_CHARS", sum(picture.num_chars for picture in whole[:5]))
    assert len(draw_gallery(segmentation)[0]) == 5
    assert "7 more are in <code>gallery.parquet</code>" in gallery.maps_gallery(segmentation)


@pytest.mark.parametrize("num", [1, 2])
def test_without_a_verdict_the_first_candidates_are_shown(depth, num):
    single = tuple(r for r in depth.results if r.scales == (1,))[:num]
    run = replace(depth, results=single, verdicts=())
    shown, _ = draw_gallery(run)
    assert [len(picture.panels) for picture in shown] == [num] * 12
