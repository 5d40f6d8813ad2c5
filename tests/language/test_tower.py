import copy

import pytest
import torch
from torch import nn
from transformers import AutoModel

from polyscale import wrap
from polyscale.errors import InputError
from polyscale.language import S2VisionConfig, S2VisionModel

IMAGES = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))


def tower_of(backbone, **options):
    return S2VisionModel(S2VisionConfig(backbone_config=backbone.config, **options), backbone)


@pytest.mark.parametrize("layer", [-2, -1, 1, 3])
def test_hidden_states_are_those_of_the_reference_package(tiny_clip, layer):
    """As LLaVA's tower calls it: patch tokens of a hidden state, from the largest image."""
    from s2wrapper import forward

    tower = tower_of(tiny_clip, sizes=[32, 64, 96], antialias=False)

    def patches(tiles):
        return tiny_clip(tiles, output_hidden_states=True).hidden_states[layer][:, 1:]

    with torch.no_grad():
        expected = forward(patches, IMAGES, img_sizes=[32, 64, 96], max_split_size=32)
        hidden = tower(IMAGES, output_hidden_states=layer).hidden_states[layer]
    torch.testing.assert_close(hidden[:, 1:], expected, rtol=0, atol=1e-5)


def test_without_antialiasing_is_another_picture(tiny_clip):
    smooth, rough = (
        tower_of(tiny_clip, scales=[1, 3], antialias=flag)(IMAGES).last_hidden_state
        for flag in (True, False)
    )
    # scale 1 shrinks, and the largest scale is the picture itself
    assert not torch.allclose(smooth[..., :8], rough[..., :8], atol=1e-3)
    torch.testing.assert_close(smooth[..., 8:], rough[..., 8:])


def test_the_output_is_that_of_wrap(tiny_clip):
    expected = wrap(tiny_clip, (1, 2, 3), merge="mean")(IMAGES).tokens
    tower = tower_of(tiny_clip, scales=[1, 2, 3], merge="mean")  # keeps its weights
    torch.testing.assert_close(tower(IMAGES).last_hidden_state, expected)


def test_hidden_states_have_the_places_that_llava_asks_for(tiny_clip):
    tower = tower_of(tiny_clip, scales=[1, 3])
    every = tower(IMAGES, output_hidden_states=True).hidden_states
    two = tower(IMAGES, output_hidden_states=[-1, 1]).hidden_states
    assert [state is None for state in every] == [True, False, False, False]
    assert [state is None for state in two] == [True, False, True, False]
    torch.testing.assert_close(two[1], every[1])
    torch.testing.assert_close(two[-1], every[3])
    assert every[1].shape == (2, 1 + 16, 2 * 8)


@pytest.mark.parametrize("layer", [0, 4, -4, -5])
def test_a_layer_that_is_not_there_is_refused(tiny_clip, layer):
    tower = tower_of(tiny_clip, scales=[1])
    with pytest.raises(InputError, match=rf"vision_feature_layer must be from 1 to 3.*got {layer}"):
        tower(torch.zeros(1, 3, 32, 32), output_hidden_states=layer)


@pytest.mark.parametrize("size_hw", [(32, 32), (64, 96)])
def test_another_size_is_refused(tiny_clip, size_hw):
    tower = tower_of(tiny_clip, scales=[1, 2])
    with pytest.raises(InputError, match="pixel_values must be images of 64×64 px"):
        tower(torch.zeros(1, 3, *size_hw))


def test_a_frozen_backbone_is_not_trained(tiny_clip):
    tower = tower_of(tiny_clip, scales=[1, 3]).train()
    assert not any(parameter.requires_grad for parameter in tower.parameters())
    assert not any(part.training for part in tower.backbone.modules())
    assert not tower(IMAGES).last_hidden_state.requires_grad


def test_what_was_frozen_can_be_trained_and_is_frozen_when_loaded(tiny_clip, tmp_path):
    tower = tower_of(tiny_clip, scales=[1, 3])
    tower.requires_grad_(True).train()
    assert tower.backbone.training
    assert tower(IMAGES).last_hidden_state.requires_grad
    tower.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    torch.testing.assert_close(loaded(IMAGES)[0], tower.eval()(IMAGES)[0])


def test_a_trained_tower_is_loaded_to_be_trained(tiny_clip, tmp_path):
    tower_of(tiny_clip, scales=[1, 3], frozen=False).save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path).train()
    assert all(parameter.requires_grad for parameter in loaded.parameters())
    assert loaded.backbone.training


@pytest.mark.parametrize("kind", ["clip", "timm"])
def test_activations_are_computed_again_with_equal_gradients(tiny_clip, tiny_timm, kind):
    """By the layers of the backbone where they can, and else by the operator."""
    backbone = tiny_clip if kind == "clip" else tiny_timm
    plain = tower_of(backbone, scales=[1, 2], frozen=False, operator={"tile_batch": 8}).train()
    images = torch.randn(1, 3, 64, 64)
    again = copy.deepcopy(plain)
    again.activation_checkpointing_enable()
    inner, calls = again.backbone, []
    again(images)  # tries the backbone
    layer = inner.encoder.layers[0].layer_norm1 if kind == "clip" else inner.timm_model.patch_embed
    layer.register_forward_hook(lambda *_: calls.append(1))
    plain(images).last_hidden_state.square().sum().backward()
    again(images).last_hidden_state.square().sum().backward()
    assert len(calls) == 2  # in the forward pass and in the backward pass
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(again.get_parameter(name).grad, parameter.grad)


def test_images_that_need_gradients_get_them_through_a_frozen_tower(tiny_clip):
    images = IMAGES.clone().requires_grad_(True)
    tower_of(tiny_clip, scales=[1, 3])(images).last_hidden_state.sum().backward()
    assert images.grad.abs().sum() > 0


def test_half_precision(tiny_clip):
    tower = tower_of(tiny_clip, scales=[1, 3])
    exact = tower(IMAGES).last_hidden_state
    half = tower.to(torch.bfloat16)(IMAGES.to(torch.bfloat16)).last_hidden_state
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), exact, rtol=0.1, atol=0.1)


def test_copies_are_independent(tiny_clip):
    tower = tower_of(tiny_clip, scales=[1, 3])
    before = tower(IMAGES).last_hidden_state
    other = copy.deepcopy(tower)
    nn.init.zeros_(other.backbone.embeddings.patch_embedding.weight)
    torch.testing.assert_close(tower(IMAGES).last_hidden_state, before)
    assert not torch.allclose(other(IMAGES).last_hidden_state, before)
