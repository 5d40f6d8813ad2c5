"""The backbone as transformers means one: stages, outputs, saving, checkpointing, registration."""

import subprocess
import sys

import pytest
import torch

from polyscale.encoders import register, transformers_backbone
from polyscale.operator.backbones import ReadOptions, as_backbone
from polyscale.operator.backbones.sources import load_source
from polyscale.operator.multiscale import MultiScale

transformers = pytest.importorskip("transformers", minversion="5.2")

IMAGES = torch.randn(2, 3, 64, 64)


def upernet(config):
    return transformers.UperNetForSemanticSegmentation(
        transformers.UperNetConfig(
            backbone_config=config, num_labels=3, hidden_size=16, auxiliary_channels=8
        )
    )


def saved(model, folder):
    model.save_pretrained(folder)
    return type(model).from_pretrained(folder)


def assert_equal_maps(found, expected):
    with torch.no_grad():
        pairs = zip(found(IMAGES).feature_maps, expected(IMAGES).feature_maps, strict=True)
        for one, other in pairs:
            torch.testing.assert_close(one, other)
            assert other.std() > 1e-3


def test_out_features_and_out_indices_are_honoured(multiscale):
    every = transformers_backbone(multiscale)(IMAGES).feature_maps
    backbone = transformers_backbone(multiscale, out_features=["stage2", "stage4"])
    assert backbone.out_indices == [1, 3]
    maps = backbone(IMAGES).feature_maps
    assert [m.shape for m in maps] == [every[1].shape, every[3].shape]
    assert torch.equal(maps[0], every[1])
    backbone.out_indices = [0]
    assert torch.equal(backbone(IMAGES).feature_maps[0], every[0])
    assert backbone.channels == [12]
    assert backbone.num_features == [12] * 4


def test_a_stage_that_is_not_there_is_refused(multiscale):
    with pytest.raises(ValueError, match="out_features must be a subset of stage_names"):
        transformers_backbone(multiscale, out_features=["stage5"])


def test_outputs_are_those_of_transformers(multiscale):
    backbone = transformers_backbone(multiscale, out_features=["stage3"])
    output = backbone(IMAGES)
    assert output.hidden_states is None
    assert isinstance(backbone(IMAGES, return_dict=False), tuple)
    hidden = backbone(IMAGES, output_hidden_states=True).hidden_states
    assert len(hidden) == 4
    assert torch.equal(hidden[2], output.feature_maps[0])
    backbone.config.output_hidden_states = True
    assert len(backbone(IMAGES).hidden_states) == 4
    filtered = backbone.forward_with_filtered_kwargs(IMAGES, output_attentions=True)
    assert torch.equal(filtered.feature_maps[0], output.feature_maps[0])


def siglip():
    """Its position ids are a buffer that no file has."""
    config = transformers.SiglipVisionConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        image_size=32, patch_size=16,
    )  # fmt: skip
    backbone = as_backbone(transformers.SiglipVisionModel(config))
    return MultiScale(backbone, scales=(1, 2), frozen=True)


def test_a_saved_backbone_comes_back(timm_multiscale, tmp_path):
    for number, multiscale in enumerate((timm_multiscale(frozen=True), siglip())):
        backbone = transformers_backbone(multiscale, out_features=["stage2"]).eval()
        again = saved(backbone, tmp_path / str(number))
        assert again.out_features == ["stage2"]
        for (name, found), (_, value) in zip(
            again.named_buffers(), backbone.named_buffers(), strict=True
        ):
            assert torch.equal(found, value), name
        assert again.multiscale.frozen
        assert not any(p.requires_grad for p in again.parameters())
        assert_equal_maps(again, backbone)


def test_a_saved_head_restores_the_trained_backbone(timm_multiscale, tmp_path):
    backbone = transformers_backbone(timm_multiscale(frozen=False))
    model = upernet(backbone.config)
    model.backbone = backbone
    model.train()
    before = backbone.multiscale.backbone.model.patch_embed.proj.weight.clone()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    model(IMAGES, labels=torch.randint(0, 3, (2, 64, 64))).loss.backward()
    optimiser.step()
    assert not torch.equal(backbone.multiscale.backbone.model.patch_embed.proj.weight, before)
    again = saved(model.eval(), tmp_path)
    with torch.no_grad():
        expected, found = model(IMAGES).logits, again(IMAGES).logits
    torch.testing.assert_close(found, expected)
    assert_equal_maps(again.backbone, backbone)


def test_what_a_file_lacks_is_as_the_library_makes_it(timm_multiscale, tmp_path):
    backbone = transformers_backbone(timm_multiscale(frozen=True))
    state = {k: v for k, v in backbone.state_dict().items() if "blocks.0.norm1" not in k}
    again = type(backbone).from_pretrained(None, config=backbone.config, state_dict=state)
    inner, given = again.multiscale.backbone.model, backbone.multiscale.backbone.model
    assert torch.equal(inner.blocks[0].norm1.weight, torch.ones(64))
    assert torch.equal(inner.pos_embed, given.pos_embed)


@pytest.mark.weights
def test_a_config_alone_begins_with_the_weights_of_the_source():
    backbone = load_source("pip:efficientnet_lite0", ReadOptions(tile_hw=(64, 64)))
    given = transformers_backbone(MultiScale(backbone, scales=(1, 2), frozen=True)).eval()
    assert_equal_maps(upernet(given.config).eval().backbone, given)


def test_activations_are_computed_again_with_equal_gradients(timm_multiscale):
    model = transformers_backbone(timm_multiscale(frozen=False)).train()
    weight = model.multiscale.backbone.model.patch_embed.proj.weight

    def gradient():
        model.zero_grad()
        model(IMAGES).feature_maps[2].square().mean().backward()
        return weight.grad.clone()

    expected = gradient()
    model.activation_checkpointing_enable()
    assert model.multiscale.config.checkpoint
    torch.testing.assert_close(gradient(), expected)
    model.activation_checkpointing_disable()
    assert not model.multiscale.config.checkpoint


def test_rt_detr_accepts_it(normed):
    backbone = transformers_backbone(normed, out_features=["stage2", "stage3", "stage4"])
    config = transformers.RTDetrConfig(
        backbone_config=backbone.config, encoder_in_channels=backbone.channels, num_labels=3,
        encoder_hidden_dim=32, d_model=32, decoder_in_channels=[32] * 3, num_queries=5,
        encoder_ffn_dim=16, decoder_ffn_dim=16, encoder_attention_heads=2,
        decoder_attention_heads=2, decoder_layers=1, num_denoising=0,
    )  # fmt: skip
    model = transformers.RTDetrForObjectDetection(config)
    model.model.backbone.model = backbone
    found = [{"class_labels": torch.tensor([1]), "boxes": torch.tensor([[0.5, 0.5, 0.2, 0.2]])}]
    output = model.train()(IMAGES, labels=found * 2)
    assert output.logits.shape == (2, 5, 3)
    output.loss.backward()
    assert model.model.encoder_input_proj[0][0].weight.grad.abs().sum() > 0


def test_vitmatte_accepts_it(tiny_backbone):
    backbone = tiny_backbone()
    backbone.in_channels = 3
    made = transformers_backbone(
        MultiScale(backbone, (1, 2), frozen=True), form="map", patch_size=16
    )
    config = transformers.VitMatteConfig(
        backbone_config=made.config, hidden_size=12, convstream_hidden_sizes=[4, 4, 4],
        fusion_hidden_sizes=[8, 4, 4, 4],
    )  # fmt: skip
    model = transformers.VitMatteForImageMatting(config)
    model.backbone = made
    assert model(torch.randn(1, 3, 64, 96)).alphas.shape == (1, 1, 64, 96)


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_importing_does_not_import_transformers():
    code = "import sys, polyscale.encoders; sys.exit('transformers' in sys.modules)"
    assert run(code).returncode == 0


def test_an_unregistered_type_names_what_registers_it(timm_multiscale, tmp_path):
    backbone = transformers_backbone(timm_multiscale(frozen=True))
    upernet(backbone.config).save_pretrained(tmp_path)
    code = f"""
import polyscale.encoders, transformers
try:
    transformers.UperNetConfig.from_pretrained({str(tmp_path)!r})
except KeyError as error:
    print(error)
polyscale.encoders.register()
print(transformers.UperNetForSemanticSegmentation.from_pretrained({str(tmp_path)!r}).backbone.channels)
"""
    found = run(code)
    assert found.stdout.splitlines() == ["'polyscale.encoders.register()'", "[128, 128, 128, 128]"]


def test_auto_classes_know_it(timm_multiscale, tmp_path):
    register()
    backbone = transformers_backbone(timm_multiscale(frozen=True)).eval()
    backbone.save_pretrained(tmp_path)
    assert_equal_maps(transformers.AutoModel.from_pretrained(tmp_path), backbone)
    assert type(transformers.AutoBackbone.from_config(backbone.config)) is type(backbone)
