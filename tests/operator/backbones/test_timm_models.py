import pickle

import pytest
import timm
import torch

import polyscale
from polyscale.errors import InputError
from polyscale.operator.backbones import adapt_timm

# architecture, options → tile, grid, dim, prefix tokens, class token, fixed tile
CASES = {
    "vit": ("vit_tiny_patch16_224", {}, (224, 224), (14, 14), 192, 1, True, True),
    "vit built for another size": (
        "vit_tiny_patch16_224",
        {"img_size": 64},
        (64, 64),
        (4, 4),
        192,
        1,
        True,
        True,
    ),
    "vit that is not square": (
        "vit_tiny_patch16_224",
        {"img_size": (64, 96)},
        (64, 96),
        (4, 6),
        192,
        1,
        True,
        True,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_everything_is_read_from_the_model(case):
    name, options, tile_hw, grid_hw, dim, num_prefix, has_cls, fixed_tile = CASES[case]
    model = timm.create_model(name, **options).eval()
    backbone = adapt_timm(model, name=name)
    assert backbone.tile_hw == tile_hw
    assert backbone.grid_hw == grid_hw
    assert (backbone.dim, backbone.num_prefix) == (dim, num_prefix)
    assert (backbone.has_cls, backbone.fixed_tile) == (has_cls, fixed_tile)
    assert len(backbone.mean) == len(backbone.std) == 3
    with torch.no_grad():
        map_, prefix = backbone(torch.randn(2, 3, *tile_hw))
    assert map_.shape == (2, dim, *grid_hw)
    assert prefix.shape == (2, num_prefix, dim)


def test_tokens_go_to_their_place_in_the_map():
    model = timm.create_model("vit_tiny_patch16_224", img_size=(64, 96)).eval()
    tile = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        tokens, (map_, prefix) = model.forward_features(tile), adapt_timm(model, name="v")(tile)
    assert torch.equal(map_[0, :, 1, 2], tokens[0, 1 + 1 * 6 + 2])
    assert torch.equal(prefix[0, 0], tokens[0, 0])


def test_architecture_without_weights_takes_no_memory():
    backbone = polyscale.load("timm:vit_giant_patch14_dinov2", weights=False)
    assert all(p.is_meta for p in backbone.parameters())
    assert backbone.grid_hw == (37, 37)


def test_local_folder(tmp_path):
    model = timm.create_model("resnet10t", num_classes=3).eval()
    timm.models.save_for_hf(model, tmp_path, safe_serialization=True)
    backbone = polyscale.load(f"timm:{tmp_path}")
    tile = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(
            backbone(tile).map, model.forward_features(tile), rtol=1e-4, atol=1e-4
        )
    assert not any(p.requires_grad for p in backbone.parameters())
    assert not backbone.training


@pytest.mark.parametrize("damage", ["weights", "config", "pickle", "nothing there"])
@pytest.mark.parametrize("weights", [True, False])
def test_damaged_folder(tmp_path, damage, weights):
    timm.models.save_for_hf(timm.create_model("resnet10t"), tmp_path, safe_serialization=True)
    if damage == "weights":
        (tmp_path / "model.safetensors").write_bytes(b"{}")
    if damage == "config":
        (tmp_path / "config.json").write_text("{")
    if damage == "pickle":
        (tmp_path / "model.safetensors").unlink()
        (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Touch(tmp_path / "touched")))
    if damage == "nothing there":
        for path in tmp_path.iterdir():
            path.unlink()
    if not weights and damage in ("weights", "pickle"):
        polyscale.load(f"timm:{tmp_path}", weights=False)
    else:
        with pytest.raises(InputError, match="must be as timm writes it"):
            polyscale.load(f"timm:{tmp_path}", weights=weights)
    assert not (tmp_path / "touched").exists()


class Touch:
    """A pickle that leaves a file behind when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("timm:vit_bas_patch16_224", "knows no model.*Did you mean 'vit_base_patch16_224'"),
        (
            "timm:vit_base_patch16_224.augreg_in21",
            "Did you mean 'vit_base_patch16_224.augreg_in21k'",
        ),
        ("timm:./no/such/folder", "does not exist"),
    ],
)
def test_bad_names(source, message):
    with pytest.raises(InputError, match=message):
        polyscale.load(source)


def test_architecture_that_has_no_weights():
    name = next(
        n
        for n in timm.list_models("test_*") + timm.list_models("vit_*")
        if not timm.is_model_pretrained(n)
    )
    with pytest.raises(InputError, match="no weights for it"):
        polyscale.load(f"timm:{name}")


def test_half_a_tile_is_not_tried_to_learn_whether_others_are_taken():
    """Patches of 14 px: half of 42 px is no multiple, but 28 px are taken."""
    model = timm.create_model(
        "vit_small_patch14_dinov2", img_size=42, depth=1, dynamic_img_size=True
    ).eval()
    backbone = adapt_timm(model)
    assert (backbone.fixed_tile, backbone.grid_hw) == (False, (3, 3))
    with torch.no_grad():
        assert backbone(torch.randn(1, 3, 28, 28)).map.shape == (1, 384, 2, 2)
