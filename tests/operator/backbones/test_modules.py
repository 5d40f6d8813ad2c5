"""Models that are hidden behind functions, partials and compilation."""

import copy
from functools import partial

import pytest
import timm
import torch
import transformers as hf
from torch import nn

import polyscale
from polyscale.operator.backbones import ReadOptions, as_backbone
from polyscale.operator.backbones.modules import in_channels_of, module_behind, uncompiled

GLOBAL = nn.Conv2d(3, 4, 8, 8).bfloat16()
OPTIONS = ReadOptions(tile_hw=(32, 32))


class Holder:
    """A plain object with a model, called or by its method."""

    def __init__(self, model):
        self.model = model

    def features(self, tiles):
        return self.model(tiles)

    __call__ = features


def apply(model, tiles, scale=1):
    return model(tiles) * scale


def keyword(tiles, *, model):
    return model(tiles)


def reads_a_global(tiles):
    return GLOBAL(tiles)


def enclosing(model):
    def inner(tiles):
        return model(tiles)

    return lambda tiles: inner(tiles)


HIDDEN = {
    "bound method": lambda m: m.forward,
    "lambda": lambda m: lambda tiles: m(tiles),
    "function in a function": enclosing,
    "partial": lambda m: partial(apply, m, scale=2),
    "partial by keyword": lambda m: partial(keyword, model=m),
    "partial of a method": lambda m: partial(m.forward),
    "method of an object": lambda m: Holder(m).features,
    "object": Holder,
    "list": lambda m: partial(lambda models, tiles: models[0](tiles), [m]),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("form", HIDDEN)
def test_the_module_is_found(form, dtype):
    model = nn.Conv2d(3, 4, 8, 8).to(dtype)
    function = HIDDEN[form](model)
    assert module_behind(function) is model
    backbone = as_backbone(function, OPTIONS)
    assert {id(p) for p in backbone.parameters()} == {id(p) for p in model.parameters()}
    assert backbone(torch.zeros(1, 3, 32, 32, dtype=dtype)).map.dtype == dtype
    backbone.float()
    assert backbone(torch.zeros(1, 3, 32, 32)).map.dtype == torch.float32


def test_the_module_tells_the_device():
    """The meta device stands for any but the CPU."""
    model = nn.Conv2d(3, 4, 8, 8, device="meta")
    backbone = as_backbone(lambda tiles: model(tiles), OPTIONS)
    assert backbone.grid_hw == (4, 4)
    assert backbone(torch.zeros(1, 3, 32, 32, device="meta")).map.is_meta


def test_a_global_model_is_found():
    assert module_behind(reads_a_global) is GLOBAL
    assert as_backbone(reads_a_global, OPTIONS).grid_hw == (4, 4)


def test_several_modules_stay_together():
    first, second = nn.Conv2d(3, 4, 4, 4).double(), nn.Conv2d(4, 2, 2, 2).double()
    backbone = as_backbone(lambda tiles: second(first(tiles)), OPTIONS)
    assert len(list(backbone.parameters())) == 4
    assert backbone.dim == 2


@pytest.mark.parametrize("function", [len, torch.relu, lambda tiles: tiles])
def test_no_module(function):
    assert module_behind(function) is None


def test_a_copied_partial_is_apart():
    model = nn.Conv2d(3, 4, 8, 8)
    copied = copy.deepcopy(as_backbone(partial(apply, model), OPTIONS))
    with torch.no_grad():
        model.weight.zero_()
    assert copied(torch.randn(1, 3, 32, 32)).map.std() > 0.01


@pytest.mark.parametrize(
    ("model", "options", "said", "expected"),
    [
        (nn.Sequential(nn.ReLU(), nn.Conv2d(7, 2, 1), nn.Conv2d(2, 3, 1)), {}, 0, 7),
        (nn.Conv2d(7, 2, 1), {"in_channels": 4}, 5, 4),
        (nn.Conv2d(7, 2, 1), {}, 5, 5),
        (len, {"mean": (0.5,) * 6, "std": (0.5,) * 6}, 0, 6),
        (len, {}, 0, 3),
    ],
)
def test_channels_of_an_image(model, options, said, expected):
    assert in_channels_of(model, ReadOptions(**options), said) == expected


def test_any_number_of_channels_through_a_function():
    backbone = as_backbone(
        lambda tiles: tiles.unfold(2, 8, 8).unfold(3, 8, 8).mean((-1, -2)),
        ReadOptions(tile_hw=(32, 32), in_channels=12),
    )
    assert (backbone.in_channels, backbone.dim) == (12, 12)


class Patches(nn.Conv2d):
    """Torch 2.6 compiles no module of its own alone."""

    def forward(self, tiles):
        return super().forward(tiles)


VIT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
VIT |= {"intermediate_size": 32, "image_size": 32, "patch_size": 8}
MODELS = {
    "timm": lambda: timm.create_model("test_resnet"),
    "transformers": lambda: hf.ViTModel(hf.ViTConfig(**VIT)),
    "transformers, classifier": lambda: hf.ViTForImageClassification(hf.ViTConfig(**VIT)),
    "timm, features_only": lambda: timm.create_model("test_resnet", features_only=True),
    "callable": lambda: Patches(3, 4, 8, 8),
}


@pytest.mark.parametrize("way", ["torch.compile", "model.compile"])
@pytest.mark.parametrize("name", MODELS)
def test_compiled_models(name, way):
    model, graphs = MODELS[name]().eval(), []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    options = OPTIONS if name == "callable" else ReadOptions()
    plain = as_backbone(copy.deepcopy(model), options)
    if way == "torch.compile":
        compiled = torch.compile(model, backend=backend)
    else:
        compiled = model
        compiled.compile(backend=backend)
    backbone = as_backbone(compiled, options)
    assert backbone.name == plain.name
    assert not graphs
    tiles = torch.randn(2, 3, *plain.tile_hw)
    with torch.no_grad():
        torch.testing.assert_close(backbone(tiles).map, plain(tiles).map)
    # timm's compiled call ends in the classifier, and a whole classifier's is not its tower's
    assert bool(graphs) == (name in ("transformers", "timm, features_only", "callable"))
    torch.compiler.reset()


def test_a_compiled_tower_can_be_read_inside():
    model = hf.ViTModel(hf.ViTConfig(**VIT)).eval()
    options = ReadOptions(layers=(0, -1))
    backbone = as_backbone(torch.compile(model, backend="eager"), options)
    tiles = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(backbone(tiles).map, as_backbone(model, options)(tiles).map)
    torch.compiler.reset()


def test_uncompiled():
    model = nn.Conv2d(3, 4, 8, 8)
    assert uncompiled(torch.compile(model)) is model
    assert uncompiled(model) is model


def test_hooks():
    """Those of parts always fire; those of the root where its own call gives the features."""
    for build, expected in ((MODELS["timm"], 0), (MODELS["transformers"], 1)):
        model, seen = build().eval(), {"root": 0, "part": 0}
        model.register_forward_hook(lambda *args, seen=seen: seen.update(root=seen["root"] + 1))
        part = next(m for m in model.modules() if isinstance(m, nn.Conv2d))
        part.register_forward_hook(lambda *args, seen=seen: seen.update(part=seen["part"] + 1))
        backbone = as_backbone(model)
        seen.update(root=0, part=0)
        backbone(torch.randn(1, 3, *backbone.tile_hw))
        assert seen == {"root": expected, "part": 1}


def test_half_precision_through_the_operator_needs_no_float32_tiles():
    model = timm.create_model("test_vit").bfloat16().eval()
    module = polyscale.wrap(lambda tiles: model.forward_features(tiles), (1,), tile_hw=(160, 160))
    assert module.backbone.num_prefix == 1
