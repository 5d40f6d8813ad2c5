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
        (lambda x: x.mean((2, 3)), {"tile_hw": (8, 8)}, r"must return .* but returns \(1, 3\)"),
        (lambda x: x.argmax(1), {"tile_hw": (8, 8)}, r"returns \(1, 8, 8\) of torch.int64"),
        (lambda x: {"a": x, "b": x}, {"tile_hw": (8, 8)}, "several entries of .* Set output="),
        (lambda x: {"a": 3}, {"tile_hw": (8, 8)}, "no entry of {'a': int}"),
        (lambda x: (x, x), {"tile_hw": (8, 8), "output": 2}, "output must be a key .* but got 2"),
        (lambda x: (x, x), {"tile_hw": (8, 8), "output": "a"}, "output must be .* but got 'a'"),
        (lambda x: x.new_zeros(1, 60, 4), {"tile_hw": (8, 8)}, "60 tokens .* no count fits"),
        (lambda x: x.new_zeros(1, 17, 4), {"tile_hw": (8, 8), "num_prefix": 2}, "not 2 prefix"),
        (lambda x: x.new_zeros(1, 4 + 5, 4), {"tile_hw": (12, 12)}, "0 or 5 could be the prefix"),
        (lambda x: x.new_zeros(4, 16, 4), {"tile_hw": (8, 8)}, "gives 4 for one tile"),
        (
            lambda x: x.movedim(1, -1),
            {"tile_hw": (8, 8)},
            r"gives \(1, 8, 8, 3\).*channels_last=True",
        ),
        (
            lambda x: x.repeat(1, 4, 1, 1)[..., :2, :],
            {"tile_hw": (32, 32)},
            "Set channels_last=False",
        ),
        (torch.nn.Linear(5, 5), {"tile_hw": (8, 8)}, r"must take a tile \(1, 3, 8, 8\), but fails"),
        (lambda x: x, {"tile_hw": (8, 0)}, "tile_hw must be a height and a width"),
        (lambda x: x, {"tile_hw": (8, 8), "num_prefix": -1}, "num_prefix must be at least 0"),
        (lambda x: x, {"tile_hw": (8, 8), "layers": 3}, "layers must be left out for <lambda>"),
        (lambda x: x, {"layers": ()}, "layers must name at least one"),
        (3, {"tile_hw": (8, 8)}, "must be callable, but got int"),
        ("vit", {}, "must be pip:NAME, timm:NAME, hf:NAME, open_clip:NAME or torch"),
        ("resnet10t", {}, "Did you mean 'timm:resnet10t'"),
        ("efficientnet_lite0", {}, "Did you mean"),
    ],
)
def test_errors(model, options, message):
    with pytest.raises(InputError, match=message):
        polyscale.wrap(model, **options)


def test_a_backbone_has_said_everything(tiny_backbone):
    with pytest.raises(InputError, match="tile_hw must be left out for tiny, a Backbone"):
        polyscale.wrap(tiny_backbone(), (1,), tile_hw=(32, 32))


def test_a_map_that_is_meant_to_have_another_aspect():
    module = polyscale.wrap(
        torch.torch.nn.AvgPool2d((32, 4)), (1,), tile_hw=(32, 32), channels_last=False
    )
    assert module.backbone.grid_hw == (1, 8)


def test_an_output_that_changes_is_an_error():
    answers = iter([4, 5])
    backbone = polyscale.wrap(
        lambda x: x.new_zeros(len(x), next(answers), 4, 4), (1,), tile_hw=(8, 8), num_prefix=0
    ).backbone
    with pytest.raises(InputError, match=r"as for its first tile, but gives \(2, 5, 4, 4\)"):
        backbone(torch.randn(2, 3, 8, 8))


def test_features_that_mix_the_tiles_are_an_error():
    module = polyscale.wrap(lambda x: x.mean(0, keepdim=True), (1,), tile_hw=(8, 8))
    with pytest.raises(InputError, match="Every tile needs features of its own"):
        module(torch.randn(2, 3, 8, 8))


def test_a_bound_method_brings_its_module(token_model):
    model = token_model(1)
    module = polyscale.wrap(model.forward, (1, 2), tile_hw=(32, 32))
    assert {id(p) for p in module.parameters()} == {id(p) for p in model.parameters()}
    assert module.double().backbone(torch.randn(1, 3, 32, 32).double()).map.dtype == torch.float64


@pytest.mark.parametrize(
    ("tile_hw", "sizes"), [((64, 64), (64, 96, 128)), ((48, 64), (48, 100)), ((224, 224), (500,))]
)
def test_sizes_instead_of_scales(tile_hw, sizes):
    module = polyscale.wrap(torch.nn.AvgPool2d(16), sizes=sizes, tile_hw=tile_hw)
    assert [min(level.image_hw) for level in module.plan.levels] == list(sizes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sizes": (64.5,)}, "sizes must be a whole number of at least 1, but got 64.5"),
        ({"sizes": (0, 64)}, "sizes must be a whole number of at least 1, but got 0"),
        ({"sizes": 64}, "sizes must be a sequence of pixels, but got 64"),
        ({"sizes": (64, 64)}, "must not repeat"),
        ({"sizes": ()}, "at least one scale"),
        ({"sizes": (64,), "scales": (1, 2)}, "either scales or sizes"),
    ],
)
def test_sizes_that_are_none(options, message):
    with pytest.raises(InputError, match=message):
        polyscale.wrap(torch.nn.AvgPool2d(16), tile_hw=(64, 64), **options)


def test_a_multi_scale_module_is_not_wrapped_again(tiny_backbone):
    module = polyscale.wrap(tiny_backbone(), (1, 2))
    with pytest.raises(InputError, match="not multi-scale yet, .* ms.with_scales"):
        polyscale.wrap(module)


@pytest.mark.weights
def test_frozen_by_name_and_trainable_on_request():
    by_name = polyscale.wrap("pip:efficientnet_lite0", (1,))
    loaded = polyscale.wrap(polyscale.load("pip:efficientnet_lite0"), (1,))
    for module in (by_name, loaded):
        assert module.frozen
        assert not any(part.training for part in module.train().backbone.modules())
    trained = polyscale.wrap("pip:efficientnet_lite0", (1,), frozen=False).train()
    assert all(p.requires_grad for p in trained.parameters())
    assert trained.backbone.model.training


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compile": {"mod": 1}}, "must hold arguments of torch.compile, but 'mod' is not one"),
        ({"mean": (0.5,) * 3}, "mean and std must be given together"),
        ({"std": (0.0,) * 3, "mean": (0.5,) * 3}, "std positive"),
        ({"sizes": (64,), "aspect": "slide"}, "sizes must be left out for aspect='slide'"),
    ],
)
def test_options_that_break_a_rule(options, message):
    with pytest.raises(InputError, match=message):
        polyscale.wrap(torch.nn.AvgPool2d(16), tile_hw=(64, 64), **options)


def test_scales_that_a_model_takes_only_in_whole_patches():
    """Half of 56 px is no whole number of patches of 16 px; the error says what is."""
    timm = pytest.importorskip("timm")
    model = timm.create_model("vit_tiny_patch16_224", img_size=112, dynamic_img_size=True)
    with pytest.raises(InputError, match=r"tiles of 56×56 px .* or try 0\.571429, which is 64 px"):
        polyscale.wrap(model, (0.5, 1))
    features = polyscale.wrap(model.eval(), (4 / 7, 1))(torch.randn(1, 3, 112, 112))
    assert features.map.shape == (1, 384, 7, 7)
