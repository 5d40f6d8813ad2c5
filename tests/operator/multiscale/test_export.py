import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import polyscale
from polyscale.errors import InputError, MissingExtraError
from polyscale.operator.backbones import as_backbone
from polyscale.operator.backbones.options import ReadOptions
from polyscale.operator.multiscale import MultiScale, export_onnx, export_program

# the tests are no package: the tiny models are loaded from the file beside this one
spec = importlib.util.spec_from_file_location(
    "models", Path(__file__).parents[1] / "backbones" / "models.py"
)
models = importlib.util.module_from_spec(spec)
sys.modules["models"] = models
spec.loader.exec_module(models)

ONE_OF_EACH = [
    "hf CLIP",
    "hf DINOv2 with registers",
    "hf ConvNeXt",
    "timm ViT",
    "timm EfficientNet",
    "open_clip ViT",
    "torchvision Swin",
    "map, channels last",
    "dict",
]
CASES = models.CASES
# onnxruntime and torch's exporter warn about their own insides
quiet = pytest.mark.filterwarnings("ignore")


def build(name):
    return as_backbone(CASES[name].build().eval(), ReadOptions(**CASES[name].options))


def as_function(path):
    """An ONNX file as a user would call it."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def function(tiles):
        map_, prefix = session.run(["map", "prefix"], {"tiles": tiles.numpy()})
        return {"map": torch.from_numpy(map_), "prefix": torch.from_numpy(prefix)}

    return function


@quiet
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_program_gives_the_same_features(name):
    backbone = build(name)
    program = export_program(backbone)
    for num in (1, 3):
        tiles = torch.randn(num, 3, *backbone.tile_hw)
        map_, prefix = program.module()(tiles)
        expected = backbone(tiles)
        torch.testing.assert_close(map_, expected.map, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(prefix, expected.prefix, rtol=1e-4, atol=1e-5)


@quiet
@pytest.mark.parametrize("name", ["timm ViT", "hf ConvNeXt"])
def test_onnx_gives_the_same_features_and_is_wrapped_again(tmp_path, name):
    pytest.importorskip("onnxscript")
    backbone = build(name)
    export_onnx(backbone, tmp_path / "tiles.onnx")
    function, tiles = as_function(tmp_path / "tiles.onnx"), torch.randn(3, 3, *backbone.tile_hw)
    expected, found = backbone(tiles), function(tiles)
    np.testing.assert_allclose(found["map"], expected.map.detach(), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found["prefix"], expected.prefix.detach(), rtol=1e-3, atol=1e-4)
    again = polyscale.wrap(function, (1, 2), tile_hw=backbone.tile_hw, output="map")
    images = torch.rand(1, 3, 300, 300)
    with torch.inference_mode():
        expected_map = MultiScale(backbone, (1, 2))(images).map
        torch.testing.assert_close(again(images).map, expected_map, rtol=1e-3, atol=1e-3)


@quiet
def test_a_model_that_fixes_the_number_of_tiles():
    backbone = build("torchvision ViT")
    with pytest.raises(InputError, match="set batch"):
        export_program(backbone)
    tiles = torch.randn(3, 3, *backbone.tile_hw)
    map_, _ = export_program(backbone, batch=3).module()(tiles)
    torch.testing.assert_close(map_, backbone(tiles).map, rtol=1e-4, atol=1e-5)


WHOLE = [
    ("timm EfficientNet", {"scales": (0.5, 1, 2), "merge": "mean"}),
    (
        "timm ViT",
        {
            "scales": (1, 1.5),
            "overlap": 0.25,
            "window": "hann",
            "prefix": "base",
            "aspect": "keep",
            "source": "base",
        },
    ),
]
whole = pytest.mark.parametrize(("name", "options"), WHOLE, ids=[name for name, _ in WHOLE])


def operator_and_images(name, options, size_hw=(150, 170)):
    module = MultiScale(build(name), **options)
    return module, torch.randn(2, 3, *size_hw)


@quiet
@whole
@pytest.mark.parametrize("strict", [False, True])
def test_the_whole_operator_exports(name, options, strict):
    module, images = operator_and_images(name, options)
    with torch.no_grad():
        expected = module(images)
        program = torch.export.export(module, (images,), strict=strict)
        other = torch.randn_like(images)
        found = program.module()(images)
        assert isinstance(found, polyscale.MultiScaleFeatures)
        assert found.grid_hw == expected.grid_hw
        torch.testing.assert_close(found.tokens, expected.tokens, rtol=1e-4, atol=1e-4)
        # it is a function of its input, not of what it was exported with
        again = program.module()(other)
        torch.testing.assert_close(again.tokens, module(other).tokens, rtol=1e-4, atol=1e-4)


@quiet
def test_a_program_is_saved_and_loaded(tmp_path):
    module, images = operator_and_images(*WHOLE[0])
    torch.export.save(export_program(module, batch=2, image_hw=(150, 170)), tmp_path / "a.pt2")
    found = torch.export.load(tmp_path / "a.pt2").module()(images)
    with torch.no_grad():
        torch.testing.assert_close(found.tokens, module(images).tokens, rtol=1e-4, atol=1e-4)


@quiet
@whole
def test_the_whole_operator_compiles_without_a_break(name, options):
    module, images = operator_and_images(name, options)
    torch.compiler.reset()
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    with torch.no_grad():
        for given in (images, images[:1], torch.randn(2, 3, 200, 100)):
            expected = module(given)
            found = compiled(given)
            assert (found.grid_hw, found.dim) == (expected.grid_hw, expected.dim)
            torch.testing.assert_close(found.tokens, expected.tokens, rtol=1e-4, atol=1e-4)


@quiet
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_code_has_the_gradients_of_eager_code(tiny_backbone):
    module, images = MultiScale(tiny_backbone(), (1, 2)), torch.randn(2, 3, 32, 32)
    module(images).tokens.square().mean().backward()
    expected = [p.grad.clone() for p in module.parameters() if p.grad is not None]
    module.zero_grad()
    torch.compile(module, fullgraph=True)(images).tokens.square().mean().backward()
    found = [p.grad for p in module.parameters() if p.grad is not None]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


@quiet
@whole
def test_onnx_of_the_whole_operator(tmp_path, name, options):
    pytest.importorskip("onnxscript")
    module, images = operator_and_images(name, options)
    export_onnx(module, tmp_path / "whole.onnx", batch=2, image_hw=(150, 170))
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(tmp_path / "whole.onnx"))
    (found,) = session.run(["tokens"], {"images": images.numpy()})
    with torch.no_grad():
        expected = module(images).tokens
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-3, atol=1e-3)


def test_modes_stay(tiny_backbone):
    backbone = tiny_backbone().train()
    backbone.model.patches.eval()
    export_program(backbone)
    assert [m.training for m in backbone.modules()] == [True, True, False]


def test_what_cannot_be_exported():
    class Plain:
        name = "plain"

    with pytest.raises(InputError, match="plain callable"):
        export_program(Plain())

    class Choosy(nn.Module):
        def forward(self, tiles):
            return tiles[..., ::8, ::8] * (2 if tiles.sum() > 0 else 1)

    backbone = as_backbone(Choosy(), ReadOptions(tile_hw=(32, 32)))
    with pytest.raises(InputError, match="must be exportable"):
        export_program(backbone)


def test_onnxscript_is_named_where_it_is_missing(monkeypatch, tmp_path, tiny_backbone):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtraError, match="onnx"):
        export_onnx(tiny_backbone(), tmp_path / "x.onnx")
