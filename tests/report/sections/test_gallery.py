from dataclasses import replace

from polyscale.report.gallery import group_pictures

from polyscale.report.names import model_names


def test_each_picture_is_once_in_the_group_of_its_answers(run, verdict):
    groups = group_pictures(run.pictures, [verdict], model_names(run.results))
    assert sorted(p.id for g in groups for p in g.pictures) == sorted(p.id for p in run.pictures)
    s2, larger, both_fail, others = groups
    for group, right in ((s2, (True, False)), (larger, (False, True))):
        assert group.telling
        for picture in group.pictures:
            answers = picture.answers
            sides = (verdict.s2.candidate, verdict.larger.candidate)
            assert tuple(answers[side].correct for side in sides) == right
    assert s2.title == (
        "Right with efficientnet_lite0 at scales 1, 2, 3, wrong with the larger efficientnet_lite2"
    )
    for group, right in ((both_fail, False), (others, True)):
        assert not group.telling
        for picture in group.pictures:
            assert picture.answers[verdict.s2.candidate].correct == right
            assert picture.answers[verdict.larger.candidate].correct == right


def test_without_a_verdict_there_is_one_group(run):
    (group,) = group_pictures(run.pictures, [], model_names(run.results))
    assert group.title == "Candidates differ"
    assert group.telling


def test_a_second_verdict_takes_what_the_first_leaves(run, verdict):
    turned = replace(verdict, s2=verdict.larger, larger=verdict.s2)
    groups = group_pictures(run.pictures, [verdict, turned], model_names(run.results))
    assert sum(len(g.pictures) for g in groups) == len(run.pictures)


def test_no_pictures_make_no_group(run, verdict):
    assert group_pictures([], [verdict], model_names(run.results)) == []
