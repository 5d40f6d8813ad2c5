"""Models of the user's own: named, run in evaluation mode, and left as they were."""

import pytest
import torch
from torch import nn

import polyscale
from polyscale.errors import InputError
from polyscale.features import live_hash
from polyscale.studies import plan_compare
from polyscale.studies.compare.family import families_of
from polyscale.studies.compare.models import borrowed, name_models
from polyscale.tasks import ClassificationSettings


@pytest.fixture
def backbone(tiny_backbone):
    def make(seed=0, **options):
        torch.manual_seed(seed)
        return tiny_backbone(**options)

    return make


@pytest.fixture
def compare(image_folder, monkeypatch):
    monkeypatch.setattr("polyscale.operator.cost.candidate.TURN_S", 0)
    monkeypatch.setattr("polyscale.stats.intervals.NUM_RESAMPLES", 100)

    def run(candidates, **options):
        settings = ClassificationSettings(dtype="fp32", tile_batch=16, floors=False)
        return polyscale.compare(f"folder:{image_folder}", candidates, settings=settings, **options)

    return run


def test_live_models_backbones_and_multiscales(compare, backbone, tmp_path):
    small, large = backbone(), backbone(1, dim=12)
    comparison = compare(
        {"small": [small, polyscale.wrap(small, scales=(1, 2))], "large": large},
        family={"nets": ["small", "large"]},
    )
    assert [row.candidate for row in comparison.rows] == ["small@1", "small@1,2", "large@1"]
    assert {row.family for row in comparison.rows} == {"nets"}
    assert [verdict.family for verdict in comparison.verdicts] == ["nets"]
    assert comparison.report(tmp_path / "run").is_file()


def test_features_are_kept_by_weights_whatever_the_name(compare, backbone, tmp_path):
    first = compare([backbone()], cache=tmp_path)
    again = compare({"another name": backbone()}, cache=tmp_path)
    assert first.timing.num_tiles == 36
    assert again.timing.num_tiles == 0
    assert again.rows[0].value == first.rows[0].value
    assert compare([backbone(1)], cache=tmp_path).timing.num_tiles == 36


def test_a_user_gets_models_back_as_they_were(compare, backbone):
    model = backbone().train()
    model.model.eval()
    compare([model])
    assert model.training
    assert not model.model.training
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


def test_borrowed_models_are_given_back_after_an_error(backbone):
    model = backbone().train()

    def fail():
        with borrowed([model]):
            assert not any(part.training for part in model.modules())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert all(part.training for part in model.modules())


def test_names_are_unique_and_the_same_model_keeps_its_name(backbone):
    one, two = backbone(0), backbone(1)
    again = polyscale.wrap(one, scales=(1, 2))
    named = name_models(["timm:net@1", one, two, again])
    assert [str(c) for c in named.candidates] == ["timm:net@1", "tiny@1", "tiny-2@1", "tiny@1,2"]
    assert list(named.live) == ["tiny", "tiny-2"]


def test_functions_are_told_apart_by_what_they_answer():
    def grey(tiles):
        return tiles.mean(dim=1, keepdim=True)

    def flipped(tiles):
        return grey(tiles).flip(-1)

    answers = [polyscale.wrap(f, scales=(1,), tile_hw=(16, 16)).backbone for f in (grey, flipped)]
    hashes = [live_hash(backbone) for backbone in answers]
    assert hashes[0] != hashes[1]
    assert hashes[0] == live_hash(answers[0])


def test_hash_depends_on_weights(backbone):
    model = backbone()
    before = live_hash(model)
    with torch.no_grad():
        model.model.patches.bias[0] += 1e-6
    assert live_hash(model) != before


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ([], "candidates must hold at least one"),
        ({}, "candidates must hold at least one"),
        ({"": nn.Identity()}, "names of candidates must be text, but got ''"),
        ({1: nn.Identity()}, "names of candidates must be text, but got 1"),
        ({"mine": "timm:net@1"}, "'mine' must be a live model, but got the name 'timm:net@1'"),
        ([nn.Identity()], "tile_hw must be given for Identity, whose input size can't be read"),
        ([3], "model must be callable, but got int"),
        ([None], "model must be callable, but got NoneType"),
    ],
)
def test_what_is_no_candidate(candidates, message):
    with pytest.raises(InputError, match=message):
        name_models(candidates)


def test_candidates_that_collide(backbone):
    one, two = backbone(0), backbone(1)
    with pytest.raises(InputError, match="'mine' must be one model.*Give each its own name"):
        name_models({"mine": [one, polyscale.wrap(two, scales=(1, 2))]})
    with pytest.raises(InputError, match="'timm:net' must be one model"):
        name_models(["timm:net@1", {"timm:net": one}])
    with pytest.raises(InputError, match="candidates must differ, but tiny@1 is given twice"):
        name_models([one, polyscale.wrap(one, scales=(1,))])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"overlap": 0.5}, "overlap of mine@1,2 must be 0.0 as in the settings.* has 0.5"),
        ({"source": "base"}, "source of mine@1,2 must be 'native'"),
        ({"dtype": "bf16"}, "dtype of mine@1,2 must be 'fp32'"),
    ],
)
def test_choices_that_the_run_would_not_follow(compare, backbone, options, message):
    with pytest.raises(InputError, match=message):
        compare({"mine": polyscale.wrap(backbone(), scales=(1, 2), **options)})


def test_choices_that_change_no_feature_are_free(compare, backbone):
    compare({"mine": polyscale.wrap(backbone(), scales=(1, 2), tile_batch=3)})


def test_pictures_need_mean_std_and_three_channels(compare, backbone):
    unknown = backbone()
    unknown.mean = None
    with pytest.raises(InputError, match=r"mean and std of tiny must be known.*wrap\(model, mean="):
        compare([unknown])
    grey = polyscale.wrap(nn.Conv2d(1, 2, 8, 8), scales=(1,), tile_hw=(32, 32))
    with pytest.raises(InputError, match=r"Conv2d@1 must take RGB pictures.* takes 1\. Take a"):
        compare([grey])


def test_families():
    names = ["small", "large", "timm:vit_tiny", "timm:vit_base"]
    assert families_of(names, {"nets": ["small", "large"]}) == {
        "small": "nets",
        "large": "nets",
        "timm:vit_tiny": "vit",
        "timm:vit_base": "vit",
    }
    with pytest.raises(InputError, match="must name backbones.*got 'smal'. Did you mean 'small'"):
        families_of(names, {"nets": ["smal"]})
    with pytest.raises(InputError, match="small must be of one family, but is in 'a' and 'b'"):
        families_of(names, {"a": ["small"], "b": "small"})


def test_the_family_is_part_of_what_a_run_is_asked(image_folder, backbone):
    data = f"folder:{image_folder}"
    plain, told = (
        plan_compare(data, [backbone()], family=family) for family in (None, {"nets": ["tiny"]})
    )
    assert plain.facts["families"] is None
    assert told.facts["families"] == {"nets": ["tiny"]}
    assert plain.live == told.live == {"tiny"}
