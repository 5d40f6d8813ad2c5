import json

import open_clip
import pytest
import torch
import transformers as hf
from safetensors.torch import save_file

import polyscale
from polyscale.errors import InputError
from polyscale.operator.backbones.sources import split_tile, tile_suffix
from polyscale.types import Candidate


@pytest.fixture
def dinov2(tmp_path):
    """A tiny one for tiles of 32 px, in a folder."""
    config = hf.Dinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8
    )
    hf.Dinov2Model(config).save_pretrained(tmp_path)
    return f"hf:{tmp_path}"


def test_the_option_is_tile_hw(dinov2):
    source = Candidate.parse(f"{dinov2}?tile=48x64@1,2").backbone
    said, given = polyscale.load(source), polyscale.load(dinov2, tile_hw=(48, 64))
    assert said.tile_hw == (48, 64)
    assert said.grid_hw == (6, 8)
    assert said.name == source
    tiles = torch.randn(1, 3, 48, 64)
    assert torch.equal(said(tiles).map, given(tiles).map)
    assert polyscale.load(source, tile_hw=(48, 64)).name == source


@pytest.mark.parametrize("tile_hw", [(224, 224), (48, 64)])
def test_round_trip(tile_hw):
    assert split_tile("hf:x/y" + tile_suffix(tile_hw)) == ("hf:x/y", tile_hw)


def test_a_question_mark_of_a_path_stays():
    assert split_tile("hf:./why?") == ("hf:./why?", None)


@pytest.mark.parametrize("option", ["tile=0", "tile=", "tile=1x2x3", "tile=²", "size=224"])
def test_other_options_are_refused(option):
    with pytest.raises(InputError, match="must be tile=SIDE or tile=HEIGHTxWIDTH"):
        polyscale.load(f"pip:dinov2_small?{option}")


@pytest.mark.parametrize("option", ["tile=5000", "tile=224x9999999999"])
def test_a_tile_that_would_fill_the_memory_is_refused(option):
    with pytest.raises(InputError, match="tile must be at most 4096 pixels a side"):
        polyscale.load(f"pip:dinov2_small?{option}")


def test_two_sizes_are_refused(dinov2):
    with pytest.raises(InputError, match=r"tile_hw must be \(32, 32\).*one of the two"):
        polyscale.load(f"{dinov2}?tile=32", tile_hw=(40, 40))


VIT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 32,
    "patch_size": 8,
}


def test_a_vit_resamples_its_position_embeddings(tmp_path):
    model = hf.ViTModel(hf.ViTConfig(**VIT), add_pooling_layer=False).eval()
    model.save_pretrained(tmp_path)
    backbone = polyscale.load(f"hf:{tmp_path}?tile=48x64")
    assert (backbone.tile_hw, backbone.grid_hw) == ((48, 64), (6, 8))
    tiles = torch.randn(2, 3, 48, 64)
    tokens = model(tiles, interpolate_pos_encoding=True).last_hidden_state
    expected = tokens[:, 1:].unflatten(1, (6, 8)).permute(0, 3, 1, 2)
    torch.testing.assert_close(backbone(tiles).map, expected)
    # its own size stays what it was, with the same weights
    own = polyscale.load(f"hf:{tmp_path}?tile=32")
    assert own.fixed_tile
    torch.testing.assert_close(
        own(tiles[..., :32, :32]).map.flatten(2).transpose(1, 2),
        model(tiles[..., :32, :32]).last_hidden_state[:, 1:],
    )
    # counted on shapes alone
    assert polyscale.load(f"hf:{tmp_path}?tile=48", weights=False).grid_hw == (6, 6)


def test_open_clip_resamples_as_it_does_itself(tmp_path):
    vision = {"image_size": 32, "patch_size": 8, "width": 32, "layers": 2, "head_width": 16}
    text = {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1}
    config = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}
    (tmp_path / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": {}})
    )
    save_file(open_clip.CLIP(**config).state_dict(), tmp_path / "open_clip_model.safetensors")
    backbone = polyscale.load(f"open_clip:{tmp_path}?tile=48")
    expected = open_clip.create_model(f"local-dir:{tmp_path}", force_image_size=48).eval().visual
    assert (backbone.tile_hw, backbone.grid_hw) == ((48, 48), (6, 6))
    assert torch.equal(backbone.model.positional_embedding, expected.positional_embedding)
    tiles = torch.randn(2, 3, 48, 48)
    found = expected.forward_intermediates(
        tiles, indices=1, normalize_intermediates=True, intermediates_only=True
    )
    torch.testing.assert_close(backbone(tiles).map, found["image_intermediates"][-1])
    assert polyscale.load(f"open_clip:{tmp_path}?tile=48", weights=False).grid_hw == (6, 6)


def test_a_fixed_model_refuses_another_tile():
    with pytest.raises(InputError, match=r"tile_hw must be \(224, 224\) .* but got \(256, 256\)"):
        polyscale.load("torchvision:vit_b_16?tile=256", weights=False)
