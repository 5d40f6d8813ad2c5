"""A backbone that is built again from its blueprint gives the same features."""

import json

import pytest
import torch
from torch import nn

from polyscale.errors import InputError
from polyscale.operator.backbones import ReadOptions, as_backbone
from polyscale.operator.backbones.blueprint import blueprint_of, build, fixed_buffers
from polyscale.operator.backbones.sources import load_source

timm = pytest.importorskip("timm")
transformers = pytest.importorskip("transformers")

SMALL = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "image_size": 64, "patch_size": 16,
}  # fmt: skip


def resized(name, side):
    model = timm.create_model(name)
    model.set_input_size((side, side))
    return model


LIVE = {
    "timm vit": lambda: timm.create_model("test_vit"),
    "timm arguments": lambda: timm.create_model("test_vit", class_token=False, global_pool="avg"),
    "timm other size": lambda: timm.create_model("test_vit", img_size=96, dynamic_img_size=True),
    "timm resized": lambda: resized("test_vit", 96),
    "timm without a head": lambda: timm.create_model("test_efficientnet", num_classes=0),
    "timm buffers": lambda: timm.create_model("swin_tiny_patch4_window7_224", depths=(1, 2, 1, 1)),
    "dinov2": lambda: transformers.Dinov2Model(transformers.Dinov2Config(**SMALL)),
    "siglip": lambda: transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**SMALL)),
    "classifier": lambda: transformers.ViTForImageClassification(transformers.ViTConfig(**SMALL)),
    "stages": lambda: transformers.Dinov2Backbone(
        transformers.Dinov2Config(**SMALL, out_features=["stage1", "stage2"])
    ),
}

SINCE = {
    # the first to remember what a model was made with
    "timm arguments": ("timm", "1.0.31"),
    "timm buffers": ("timm", "1.0.31"),
    # the first whose tower is of a class that it exports
    "siglip": ("transformers", "5.6"),
}


def assert_equal_features(again, backbone):
    tiles = torch.randn(2, 3, *backbone.tile_hw)
    with torch.no_grad():
        found, expected = again(tiles), backbone(tiles)
    torch.testing.assert_close(found, expected)
    assert expected.map.std() > 1e-3


@pytest.mark.parametrize("name", LIVE)
def test_live_models_are_built_again(name):
    if name in SINCE:
        package, release = SINCE[name]
        pytest.importorskip(package, minversion=release)
    backbone = as_backbone(LIVE[name]()).eval()
    blueprint = blueprint_of(backbone)
    again = build(json.loads(json.dumps(blueprint)))
    again.load_state_dict(backbone.state_dict())
    assert_equal_features(again, backbone)
    assert not again.training
    for fact in ("name", "tile_hw", "grid_hw", "dim", "num_prefix", "has_cls", "mean", "std"):
        assert getattr(again, fact) == getattr(backbone, fact), fact


def test_how_it_is_read_belongs_to_it():
    options = ReadOptions(layers=(-2, -1), norm=False)
    backbone = as_backbone(timm.create_model("test_vit"), options).eval()
    again = build(blueprint_of(backbone))
    assert again.options.layers == (-2, -1)
    again.load_state_dict(backbone.state_dict())
    assert_equal_features(again, backbone)


@pytest.mark.weights
def test_a_named_model_remembers_its_name():
    backbone = load_source("pip:dinov2_small?tile=98", ReadOptions())
    assert backbone.source == "pip:dinov2_small"
    again = build(blueprint_of(backbone))
    assert again.source == "pip:dinov2_small"
    assert again.tile_hw == (98, 98)
    again.load_state_dict(backbone.state_dict())
    assert_equal_features(again, backbone)


def test_a_folder_is_no_source_that_holds_elsewhere(tmp_path):
    transformers.Dinov2Model(transformers.Dinov2Config(**SMALL)).save_pretrained(tmp_path)
    backbone = load_source(f"hf:{tmp_path}", ReadOptions())
    assert backbone.source is None
    assert blueprint_of(backbone)["model"]["class"] == "Dinov2Model"


def test_a_source_alone_is_enough():
    pytest.importorskip("torchvision")
    options = ReadOptions(tile_hw=(64, 64))
    backbone = load_source("torchvision:resnet18", options, weights=False)
    blueprint = blueprint_of(backbone)
    assert blueprint["model"] is None
    again = build(blueprint)
    again.load_state_dict(backbone.to_empty(device="cpu").state_dict())
    assert again.tile_hw == (64, 64)


def test_fixed_buffers_are_those_that_no_state_holds():
    model = nn.BatchNorm1d(2)
    model.register_buffer("offsets", torch.arange(3), persistent=False)
    assert list(fixed_buffers(model)) == ["offsets"]


def test_a_model_that_was_changed_is_refused():
    model = timm.create_model("test_vit")
    model.head = nn.Linear(64, 7)
    with pytest.raises(InputError, match="backbone must be as its library builds it, but timm:tes"):
        blueprint_of(as_backbone(model))


@pytest.mark.parametrize("model", [nn.AvgPool2d(16), lambda tiles: tiles[..., ::16, ::16]])
def test_what_no_library_builds_is_refused(model):
    with pytest.raises(InputError, match=r"backbone must be .* Load it by its name"):
        blueprint_of(as_backbone(model, ReadOptions(tile_hw=(64, 64))))


def test_other_classes_are_refused(tiny_backbone):
    with pytest.raises(InputError, match="that a library can build again, but tiny is a TokenMod"):
        blueprint_of(tiny_backbone())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"library": "os", "class": "system"}}, "library must be timm or transformers"),
        ({"model": {"library": "timm"}}, "must be what blueprint_of gave, but: 'architecture'"),
        ({"options": {"pace": 1}}, "must be what blueprint_of gave, but: .*pace"),
        ({"facts": None}, "must be what blueprint_of gave, but"),
        ({"model": None}, "must be what blueprint_of gave, but"),
        ({"model": {"library": "transformers", "class": "AutoModel"}}, "has no model 'AutoModel'"),
        (
            {"model": {"library": "timm", "architecture": "hf-hub:some/one"}},
            "timm knows no model 'hf-hub:some/one'",
        ),
    ],
)
def test_foreign_blueprints_are_refused(changes, message):
    blueprint = blueprint_of(as_backbone(timm.create_model("test_vit")))
    with pytest.raises(InputError, match=message):
        build({**blueprint, **changes})
