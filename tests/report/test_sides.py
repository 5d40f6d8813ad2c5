from dataclasses import replace

import pytest

from polyscale.report.sides import scale_gains, sides_of


def test_gains_compare_a_model_with_its_own_single_scale(run):
    first, second = scale_gains(run)
    for gain, backbone in ((first, "pip:efficientnet_lite0"), (second, "pip:dinov2_small")):
        multi, single = run.rows[gain.first], run.rows[gain.second]
        assert single.scales == (1,)
        assert len(multi.scales) > 1
        assert single.backbone == multi.backbone == backbone
        assert gain.difference == pytest.approx(multi.value - single.value)


def test_gains_take_the_best_scales_by_the_way_that_is_better(depth):
    rows = [
        replace(r, selection_value=0.1 if r.scales == (1, 2) else r.selection_value)
        for r in depth.results
    ]
    worse = replace(rows[1], candidate="pip:efficientnet_lite0@1,3", scales=(1, 3))
    worse = replace(worse, selection_value=0.9)
    (gain,) = scale_gains(replace(depth, results=(*rows, worse)))
    assert gain.first == "pip:efficientnet_lite0@1,2"


def test_each_candidate_with_several_scales_stands_against_one_scale_and_the_larger_model(run):
    judged, other = sides_of(run)
    titles = ["single scale", "several scales", "larger model"]
    assert [role.title for role in judged.roles] == titles
    assert [role.title for role in other.roles] == titles[:2]
    assert judged.s2.result == run.verdicts[0].s2
    assert judged.others == (judged.roles[0], judged.roles[2])


@pytest.mark.parametrize("num", [1, 2])
def test_without_several_scales_the_first_candidates_are_shown(run, num):
    single = tuple(r for r in run.results if r.scales == (1,))[:num]
    (sides,) = sides_of(replace(run, results=single, verdicts=()))
    assert [role.result for role in sides.roles] == list(single)
    assert (sides.s2, sides.others) == (None, ())
