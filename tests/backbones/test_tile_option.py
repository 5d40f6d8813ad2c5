import pytest
import torch
import transformers as hf

import polyscale
from polyscale.backbones.tile_option import split_tile, tile_suffix
from polyscale.errors import InputError
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


def test_two_sizes_are_refused(dinov2):
    with pytest.raises(InputError, match=r"tile_hw must be \(32, 32\).*one of the two"):
        polyscale.load(f"{dinov2}?tile=32", tile_hw=(40, 40))


def test_a_fixed_model_refuses_another_tile(tmp_path):
    config = hf.ViTConfig(
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
    )
    hf.ViTModel(config).save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"tile_hw must be \(32, 32\)"):
        polyscale.load(f"hf:{tmp_path}?tile=64")
