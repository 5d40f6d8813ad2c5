"""One list of demands on every adapter, over tiny models of each family."""

import copy
import importlib.util
import pickle
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import polyscale
from polyscale.errors import InputError
from polyscale.operator.backbones import as_backbone
from polyscale.operator.backbones.options import ReadOptions
from polyscale.operator.multiscale import Picture
from polyscale.types import Backbone

# the tests are no package: the tiny models are loaded from the file beside this one
spec = importlib.util.spec_from_file_location("models", Path(__file__).with_name("models.py"))
models = importlib.util.module_from_spec(spec)
sys.modules["models"] = models
spec.loader.exec_module(models)

CASES = models.CASES
every_case = pytest.mark.parametrize("name", CASES)


def build(name, **options):
    torch.manual_seed(0)
    model = CASES[name].build().eval()
    # norms that change something, where the library starts them as the identity
    for parameter in model.parameters():
        if parameter.ndim == 1:
            nn.init.uniform_(parameter, 0.5, 1.5)
    return model, as_backbone(model, ReadOptions(**CASES[name].options | options))


@cache
def built(name):
    """For tests that leave both as they are."""
    return build(name)


def tiles_of(backbone, num=2):
    return torch.randn(num, backbone.in_channels, *backbone.tile_hw)


@every_case
def test_says_what_it_is(name):
    case, (_, backbone) = CASES[name], built(name)
    assert isinstance(backbone, Backbone)
    said = (backbone.tile_hw, backbone.grid_hw, backbone.dim, backbone.num_prefix)
    assert said == ((case.tile,) * 2, (case.grid,) * 2, case.dim, case.prefix)
    assert (backbone.has_cls, backbone.fixed_tile) == (case.cls, case.fixed)
    assert backbone.in_channels == case.channels
    assert backbone.layer_dims == (backbone.dim,)
    assert backbone.name
    with torch.no_grad():
        map_, prefix = backbone(tiles_of(backbone))
    assert map_.shape == (2, backbone.dim, *backbone.grid_hw)
    assert prefix.shape == (2, backbone.num_prefix, backbone.dim)
    assert map_.dtype == prefix.dtype == torch.float32


@every_case
def test_every_token_is_in_its_place(name):
    case, (model, backbone) = CASES[name], built(name)
    tiles = tiles_of(backbone)
    with torch.no_grad():
        raw, (map_, prefix) = case.raw(model, tiles), backbone(tiles)
    if raw.ndim == 4:
        torch.testing.assert_close(map_, raw)
        return
    for row in range(case.grid):
        for column in range(case.grid):
            token = raw[:, case.prefix + row * case.grid + column]
            torch.testing.assert_close(map_[:, :, row, column], token)
    if not raw[:, : case.prefix].isnan().any():
        torch.testing.assert_close(prefix, raw[:, : case.prefix])


@every_case
def test_a_batch_is_a_loop(name):
    _, backbone = built(name)
    tiles = tiles_of(backbone, 3)
    with torch.no_grad():
        batch = backbone(tiles)
        loop = [backbone(tile[None]) for tile in tiles]
    for part in (0, 1):
        together = torch.cat([features[part] for features in loop])
        torch.testing.assert_close(batch[part], together, rtol=1e-4, atol=1e-4)


# relative error of the map against float32; norms of random weights stretch small differences
TOLERANCE = {torch.float64: 1e-4, torch.float16: 0.05, torch.bfloat16: 0.3}


ONE_OF_EACH_FAMILY = ("hf DINOv2", "timm ViT", "open_clip ViT", "torchvision ResNet", "map")
OF_EVERY_TYPE = [(name, dtype) for name in ONE_OF_EACH_FAMILY for dtype in TOLERANCE]
BF16 = [(name, torch.bfloat16) for name in CASES if name not in ONE_OF_EACH_FAMILY]


@pytest.mark.parametrize(("name", "dtype"), OF_EVERY_TYPE + BF16, ids=str)
def test_every_floating_point_type(name, dtype):
    model, backbone = build(name)
    tiles = tiles_of(backbone)
    with torch.no_grad():
        expected = backbone(tiles).map
    model = model.to(dtype)
    try:
        other = as_backbone(model, ReadOptions(**CASES[name].options))
        with torch.no_grad():
            map_, prefix = other(tiles.to(dtype))
    except (InputError, RuntimeError) as error:
        if dtype == torch.float16 and "not implemented for 'Half'" in str(error):
            pytest.skip("torch cannot do it on this CPU")
        raise
    assert map_.dtype == prefix.dtype == dtype
    assert (map_.float() - expected).norm() < TOLERANCE[dtype] * expected.norm()
    several_scales_of(other, dtype)


def several_scales_of(backbone, dtype):
    """Tensors and pictures through the operator, with everything as it is by default."""
    height, width = backbone.tile_hw
    channels = backbone.in_channels
    module = polyscale.MultiScale(backbone, (1, 2))
    shape = (1, 2 * backbone.dim, *backbone.grid_hw)
    with torch.no_grad():
        images = torch.rand(1, channels, 2 * height, width, dtype=dtype)
        features = module(images)
        assert (tuple(features.map.shape), features.map.dtype) == (shape, dtype)
        picture = Picture(
            np.full((height, 3 * width, channels), 128, np.uint8),
            mean=backbone.mean or (0.5,) * channels,
            std=backbone.std or (0.5,) * channels,
        )
        features = module([picture])
        assert (tuple(features.map.shape), features.map.dtype) == (shape, dtype)


@pytest.mark.parametrize("name", ["timm ViT", "timm ConvNeXt", "open_clip ViT"])
def test_an_early_layer_spares_the_later_ones(name):
    model, backbone = build(name, layers=0)
    calls = []
    tower = getattr(model, "visual", model)
    blocks = getattr(tower, "blocks", None) or getattr(tower, "stages", None)
    blocks = blocks or tower.transformer.resblocks
    for index, block in enumerate(blocks):
        block.register_forward_hook(lambda *_, index=index: calls.append(index))
    with torch.no_grad():
        backbone(tiles_of(backbone, 1))
    assert calls == [0]


@every_case
def test_looking_leaves_the_model_as_it_was(name):
    model = CASES[name].build().train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    as_backbone(model, ReadOptions(**CASES[name].options))
    assert all(module.training for module in model.modules())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.requires_grad == q.requires_grad for p, q in zip(
        model.parameters(), CASES[name].build().parameters(), strict=True
    ))  # fmt: skip


@every_case
def test_several_scales(name):
    _, backbone = built(name)
    height, width = backbone.tile_hw
    with torch.no_grad():
        image = torch.randn(1, backbone.in_channels, 2 * height, 2 * width)
        features = polyscale.MultiScale(backbone, (1, 2))(image)
    assert features.map.shape == (1, 2 * backbone.dim, *backbone.grid_hw)
    cells = features.scales[0].map.mean(dim=(-2, -1))
    pooled = features.scales[0].pooled
    # the class token and the mean of the cells: no register in either
    expected = [features.scales[0].prefix[:, 0], cells] if backbone.has_cls else [cells]
    torch.testing.assert_close(pooled, torch.cat(expected, dim=-1))


@every_case
def test_small_scales_run_or_are_refused(name):
    _, backbone = build(name)  # Swin of transformers is another one after a tile of another size
    if backbone.fixed_tile:
        with pytest.raises(InputError, match="scales must be at least 1"):
            polyscale.MultiScale(backbone, (0.5, 1))
        return
    if CASES[name].takes != "any":
        with pytest.raises(InputError, match="does not take"):
            polyscale.MultiScale(backbone, (0.5, 1))
        return
    with torch.no_grad():
        features = polyscale.MultiScale(backbone, (0.5, 1))(tiles_of(backbone, 1))
    assert features.map.shape == (1, 2 * backbone.dim, *backbone.grid_hw)


@every_case
def test_a_copy_is_the_same_and_apart(name):
    _, backbone = built(name)
    copied, tiles = copy.deepcopy(backbone), tiles_of(backbone, 1)
    with torch.no_grad():
        torch.testing.assert_close(copied(tiles).map, backbone(tiles).map)
        for parameter in copied.parameters():
            parameter.zero_()
        assert backbone(tiles).map.abs().sum() > 0


# transformers puts functions that cannot be pickled into an AutoBackbone when it is called
UNPICKLED = ("hf AutoBackbone", "hf AutoBackbone, ConvNeXt")


@pytest.mark.parametrize("name", [n for n in CASES if n not in (*models.CALLABLES, *UNPICKLED)])
def test_pickling(name):
    _, backbone = built(name)
    other, tiles = pickle.loads(pickle.dumps(backbone)), tiles_of(backbone, 1)  # noqa: S301
    with torch.no_grad():
        torch.testing.assert_close(other(tiles).map, backbone(tiles).map)


@every_case
def test_state_dict_round_trip(name):
    _, backbone = built(name)
    torch.manual_seed(1)
    other = as_backbone(CASES[name].build().eval(), ReadOptions(**CASES[name].options))
    other.load_state_dict(backbone.state_dict())
    tiles = tiles_of(backbone, 1)
    with torch.no_grad():
        torch.testing.assert_close(other(tiles).map, backbone(tiles).map)


@every_case
def test_gradients_flow_where_they_are_asked_for(name):
    model, backbone = build(name)
    tiles = tiles_of(backbone, 1)
    backbone(tiles).map.square().sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    model.requires_grad_(False)
    assert not backbone(tiles).map.requires_grad


@pytest.mark.parametrize("name", [n for n, case in CASES.items() if case.norm])
def test_without_the_final_norm(name):
    model, normed = built(name)
    bare = as_backbone(model, ReadOptions(**CASES[name].options, norm=False))
    tiles = tiles_of(normed, 1)
    with torch.no_grad():
        with_norm, without = normed(tiles), bare(tiles)
        assert with_norm.map.shape == without.map.shape
        assert not torch.allclose(with_norm.map, without.map)
        # the last norm is all that lies between them
        norms = [m for m in model.modules() if is_norm(m, normed.dim)]
        cells, expected = without.map.movedim(1, -1), with_norm.map.movedim(1, -1)
        assert any(torch.allclose(m(cells), expected, atol=1e-4) for m in norms)
    assert bare.name.endswith("[norm=no]")


def is_norm(module, dim):
    weight = getattr(module, "weight", None)
    return "Norm" in type(module).__name__ and weight is not None and weight.shape == (dim,)


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if c.layers])
def test_the_last_layer_is_the_models_output(name):
    model, backbone = built(name)
    last = as_backbone(model, ReadOptions(**CASES[name].options | {"layers": -1}))
    tiles = tiles_of(backbone, 1)
    with torch.no_grad():
        torch.testing.assert_close(last(tiles).map, backbone(tiles).map, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(last(tiles).prefix, backbone(tiles).prefix)
    assert last.name == f"{backbone.name}[layers=-1]"


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if c.layers and c.norm])
def test_layers_are_concatenated_in_the_order_asked_for(name):
    case, (model, _) = CASES[name], built(name)
    if "Swin" in name:  # its stages have grids of their own
        with pytest.raises(InputError, match="one grid to be concatenated"):
            as_backbone(model, ReadOptions(layers=(0, -1)))
        return
    tiles = torch.randn(1, case.channels, case.tile, case.tile)
    one, two, both = (as_backbone(model, ReadOptions(layers=i)) for i in (-1, 0, (-1, 0)))
    with torch.no_grad():
        apart = [one(tiles), two(tiles)]
        for part in (0, 1):
            together = torch.cat([features[part] for features in apart], dim=1 + part)
            torch.testing.assert_close(both(tiles)[part], together)
    assert both.dim == 2 * case.dim
    assert both.layer_dims == (case.dim, case.dim)


@pytest.mark.parametrize(
    "name", [n for n, c in CASES.items() if c.layers and "AutoBackbone" not in n]
)
def test_a_layer_that_does_not_exist(name):
    with pytest.raises(InputError, match=r"layers must be from -\d+ to \d+ .* but got 99"):
        build(name, layers=99)


@pytest.mark.parametrize(
    "name", [n for n, c in CASES.items() if not c.norm and "layers" not in c.options]
)
def test_no_choice_of_norm(name):
    with pytest.raises(InputError, match="norm must be (True|left out) for .*but got False"):
        build(name, norm=False)


@pytest.mark.parametrize("name", models.TORCHVISION | models.CALLABLES)
def test_no_choice_of_layers(name):
    with pytest.raises(InputError, match="layers must be left out for .*but got 1"):
        build(name, layers=1)


@pytest.mark.parametrize("name", ["hf CLIP", "hf DINOv3", "timm ViT", "tokens and registers"])
def test_a_wrong_prefix_cannot_be_missed(name):
    with pytest.raises(InputError, match="tokens for a tile of .* Set num_prefix"):
        build(name, num_prefix=CASES[name].prefix + 1)


FIXED = [n for n, c in CASES.items() if c.fixed]
TOLD = [n for n in FIXED if n.startswith("hf ") and n != "hf AIMv2"]
"""Models that resample their position embeddings when they are told to."""


@pytest.mark.parametrize("name", [n for n in FIXED if n not in TOLD])
def test_another_tile_is_refused_where_positions_are_fixed(name):
    with pytest.raises(InputError, match="tile_hw"):
        build(name, tile_hw=(CASES[name].tile * 2,) * 2)


@pytest.mark.parametrize(
    "name",
    [
        n
        for n, c in CASES.items()
        if (n in TOLD or not c.fixed) and n not in models.CALLABLES and c.takes != "own"
    ],
)
def test_another_tile_is_taken_where_positions_are_interpolated(name):
    case, (_, backbone) = CASES[name], build(name, tile_hw=(CASES[name].tile * 2,) * 2)
    assert backbone.tile_hw == (2 * case.tile,) * 2
    with torch.no_grad():
        assert backbone(tiles_of(backbone, 1)).map.shape[2] >= 2 * case.grid - 1
