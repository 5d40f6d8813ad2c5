from dataclasses import replace

from polyscale.report.names import chart_names, model_name, scales_phrase, short_names
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


def test_names_without_a_source_stay():
    assert model_name("my_model") == "my_model"


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
