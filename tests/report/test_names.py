from dataclasses import replace

from polyscale.report.names import (
    chart_names,
    family_styles,
    larger_phrase,
    model_names,
    scale_lines,
    scales_phrase,
    short_names,
    size_lines,
)
from polyscale.report.numbers import NBSP


def test_names_lose_their_source(run):
    names = short_names(run.results)
    assert names["pip:efficientnet_lite0@1,2"].replace(NBSP, " ") == "efficientnet_lite0 @ 1, 2"


def test_names_keep_their_source_where_two_would_look_alike(run):
    one = run.results[0]
    twin = replace(one, backbone="timm:efficientnet_lite0", candidate="timm:efficientnet_lite0@1")
    names = short_names([one, twin])
    assert len(set(names.values())) == 2
    assert names[twin.candidate].startswith("timm:efficientnet_lite0")


def test_names_without_a_source_stay(run):
    backbones = ("my_model", "open_clip:ViT-B-16/openai")
    names = model_names([replace(run.results[0], backbone=backbone) for backbone in backbones])
    assert set(names.values()) == {"my_model", "ViT-B-16/openai"}


def test_scales_are_one_or_several():
    assert scales_phrase((1,)) == "scale 1"
    assert scales_phrase((1, 1.5)) == "scales 1, 1.5"


def chart_names_of(run, *backbones):
    rows = [replace(run.results[0], backbone=backbone) for backbone in backbones]
    return list(chart_names(rows, 24).values())


def test_a_long_name_in_the_chart_loses_the_tag_of_its_weights(run):
    found = chart_names_of(
        run, "timm:vit_small_patch16_224.augreg_in1k", "timm:vit_base_patch16_224.augreg_in1k"
    )
    assert sorted(found) == ["vit_base_patch16_224", "vit_small_patch16_224"]


def test_a_tag_that_tells_models_apart_stays(run):
    found = chart_names_of(
        run, "timm:vit_small_patch16_224.augreg_in1k", "timm:vit_small_patch16_224.dino"
    )
    assert sorted(name[-8:] for name in found) == ["224.dino", "reg_in1k"]


def test_a_name_that_is_still_long_loses_its_middle(run):
    (found,) = chart_names_of(run, "hf:someone/a_very_long_name_of_a_model_indeed")
    assert found == "someone/a_v…model_indeed"


def test_sizes_join_models_of_a_family_at_one_scale(run):
    (line,) = size_lines(run.results)
    assert [r.backbone[-5:] for r in line] == ["lite0", "lite1", "lite2"]
    assert {r.scales for r in line} == {(1,)}


def test_scales_join_the_sets_of_one_model(run):
    first, second = scale_lines(run.results)
    assert {r.backbone for r in first} == {"pip:efficientnet_lite0"}
    assert {r.backbone for r in second} == {"pip:dinov2_small"}
    assert [r.scales for r in first] == [(1,), (1, 2), (1, 2, 3)]


def test_lines_run_from_few_multiply_adds_to_many(run):
    for line in (*size_lines(run.results[::-1]), *scale_lines(run.results[::-1])):
        macs = [r.macs for r in line]
        assert macs == sorted(macs)


def test_families_differ_in_colour_and_in_shape(run):
    first, second = family_styles(run.results).values()
    assert first.colour != second.colour
    assert first.marker != second.marker


def test_a_model_that_is_called_larger_is_called_so_once():
    assert larger_phrase("lite2") == "the larger lite2"
    assert larger_phrase("larger") == "the larger model"
