import pytest
import timm
import torch

import polyscale
from polyscale.errors import InputError


def test_live_timm_model():
    model = timm.create_model("vit_tiny_patch16_224", img_size=32)
    features = polyscale.wrap(model, scales=(1, 2))(torch.randn(1, 3, 64, 64))
    assert features.map.shape == (1, 384, 2, 2)
    assert features.prefix.shape == (1, 1, 384)


def test_source():
    module = polyscale.wrap("pip:efficientnet_lite0", scales=(1, 2))
    assert module.backbone.name == "pip:efficientnet_lite0"


def test_module_that_returns_a_map():
    convolution = torch.nn.Conv2d(3, 4, 16, 16)
    module = polyscale.wrap(convolution, scales=(1, 2), tile_hw=(64, 64))
    assert module.backbone.grid_hw == (4, 4)
    assert module.backbone.num_prefix == 0
    assert next(iter(module.parameters())) is convolution.weight
    assert module(torch.randn(2, 3, 64, 64)).map.shape == (2, 8, 4, 4)


@pytest.mark.parametrize("num_prefix", [0, 1, 5])
def test_prefix_tokens_of_a_function_are_found(num_prefix, token_model):
    model = token_model(num_prefix)
    module = polyscale.wrap(lambda tiles: model(tiles), scales=(1, 2), tile_hw=(64, 64))
    assert module.backbone.num_prefix == num_prefix
    expected = polyscale.forward(
        model, images := torch.randn(2, 3, 64, 64), scales=[1, 2], num_prefix_token=num_prefix
    )
    torch.testing.assert_close(module(images).tokens, expected)


def test_tile_that_is_not_square(token_model):
    module = polyscale.wrap(token_model(1), scales=(1, 2), tile_hw=(32, 64))
    assert module.backbone.grid_hw == (4, 8)
    assert module(torch.randn(1, 3, 32, 64)).map.shape == (1, 12, 4, 8)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (torch.nn.Identity(), {}, "tile_hw must be given for Identity"),
        (lambda x: x.mean(), {"tile_hw": (8, 8)}, r"returns \(\)"),
        (lambda x: {"map": x}, {"tile_hw": (8, 8)}, "returns dict"),
        (lambda x: x.new_zeros(1, 60, 4), {"tile_hw": (8, 8)}, "60 tokens"),
        (lambda x: x.new_zeros(1, 17, 4), {"tile_hw": (8, 8), "num_prefix": 2}, "num_prefix is 2"),
        (3, {"tile_hw": (8, 8)}, "must be callable, but got int"),
        ("vit", {}, "must be pip:NAME or timm:NAME"),
        ("resnet10t", {}, "Did you mean 'timm:resnet10t'"),
        ("efficientnet_lite0", {}, "Did you mean"),
    ],
)
def test_errors(model, options, message):
    with pytest.raises(InputError, match=message):
        polyscale.wrap(model, **options)
