"""Models whose output has no positions, or that take something else than images."""

import pytest
import timm
import torch
import torchvision
import transformers as hf

import polyscale
from polyscale.errors import InputError
from polyscale.operator.backbones import ReadOptions, as_backbone

TEXT = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
TEXT |= {"intermediate_size": 32}
VISION = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
VISION |= {"intermediate_size": 32, "image_size": 32, "patch_size": 8}
GROUPS = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 32}
GROUPS |= {"depths": [1, 1, 1], "num_group_tokens": [8, 4, 0], "num_output_groups": [8, 4, 0]}


def qwen2_vl():
    pytest.importorskip("transformers", minversion="4.52")  # before, no text_config: 7B parameters
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3]}
    text = {"num_key_value_heads": 1, "rope_parameters": rope, **TEXT}
    vision = {"depth": 1, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "patch_size": 8}
    return hf.Qwen2VLModel(hf.Qwen2VLConfig(text_config=text, vision_config=vision))


def segmentation(name):
    return getattr(torchvision.models.segmentation, name)(weights=None, weights_backbone=None)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: hf.BertModel(hf.BertConfig(**TEXT)), "must take images, but BertModel takes"),
        (qwen2_vl, r"but Qwen2Vis\w+ takes hidden_states, grid_thw"),
        (
            lambda: hf.ViTMAEModel(hf.ViTMAEConfig(decoder_num_hidden_layers=1, **VISION)),
            "keep every patch in its place, but masks and shuffles them.* as a ViT",
        ),
        (
            lambda: hf.GroupViTVisionModel(hf.GroupViTVisionConfig(**GROUPS)),
            "keep every patch in its place, but merges them into groups",
        ),
        (
            lambda: hf.GroupViTModel(hf.GroupViTConfig(vision_config=GROUPS, text_config=TEXT)),
            "GroupViTModel must keep every patch in its place",
        ),
        (
            lambda: hf.VideoMAEModel(hf.VideoMAEConfig(**VISION)),
            "must take single images, but takes videos",
        ),
        (lambda: torchvision.models.video.r3d_18(), "VideoResNet takes videos"),
        (lambda: torchvision.models.video.mvit_v1_b(), "MViT takes videos"),
        (
            lambda: segmentation("lraspp_mobilenet_v3_large"),
            r"LRASPP is made for segmentation. Wrap its backbone: .* output='high'\)",
        ),
        (
            lambda: segmentation("deeplabv3_mobilenet_v3_large"),
            r"DeepLabV3 is made for segmentation. .* output='out'\)",
        ),
        (lambda: timm.create_model("pit_ti_224"), "gives its 1 class tokens alone.* layers=-1"),
        (
            lambda: timm.create_model("pit_ti_distilled_224"),
            "gives its 2 class tokens alone.* layers=-1",
        ),
        (
            lambda: timm.create_model("crossvit_tiny_240"),
            "must give a map or tokens for each tile, but gives list. Wrap a function",
        ),
    ],
)
def test_models_that_cannot_be_read(build, message):
    with pytest.raises(InputError, match=message):
        as_backbone(build())


def test_the_backbone_of_a_segmenter_is_taken_as_the_message_says():
    model = segmentation("lraspp_mobilenet_v3_large").eval()
    options = ReadOptions(tile_hw=(64, 64), output="high")
    backbone, tiles = as_backbone(model.backbone, options), torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(backbone(tiles).map, model.backbone(tiles)["high"])


def test_norm_of_a_features_only_model():
    model = timm.create_model("test_resnet", features_only=True)
    with pytest.raises(InputError, match="norm must be left out .* Set it in timm.create_model"):
        as_backbone(model, ReadOptions(norm=False))


def test_layers_of_a_features_only_model_are_its_maps():
    model = timm.create_model("test_resnet", features_only=True).eval()
    backbone, tiles = as_backbone(model, ReadOptions(layers=2)), torch.randn(1, 3, 160, 160)
    with torch.no_grad():
        torch.testing.assert_close(backbone(tiles).map, model(tiles)[2])
    with pytest.raises(InputError, match="which has 5 layers, but got 5"):
        as_backbone(model, ReadOptions(layers=5))


def test_a_backbone_that_is_given_options(tiny_backbone):
    with pytest.raises(InputError, match="mean must be left out for tiny, a Backbone"):
        as_backbone(tiny_backbone(), ReadOptions(mean=(0.5,) * 3, std=(0.5,) * 3))


def test_a_map_without_channels_is_refused():
    with pytest.raises(InputError, match="must give at least one channel, but gives a map of"):
        polyscale.wrap(lambda tiles: torch.zeros(len(tiles), 0, 2, 2), (1, 2), tile_hw=(32, 32))
