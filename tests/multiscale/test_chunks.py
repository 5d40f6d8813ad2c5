import copy
import json
import shutil

import pytest
import torch

from polyscale.errors import InputError
from polyscale.multiscale import MultiScale, MultiScaleConfig
from polyscale.multiscale.chunks import is_out_of_memory


class Hungry(torch.nn.Module):
    """A backbone with a memory of so many tiles, which fails as devices do."""

    def __init__(self, backbone, capacity, error):
        super().__init__()
        self.inner, self.capacity, self.error, self.chunks = backbone, capacity, error, []
        for name in [
            "name",
            "tile_hw",
            "grid_hw",
            "dim",
            "num_prefix",
            "has_cls",
            "fixed_tile",
            "mean",
            "std",
        ]:
            setattr(self, name, getattr(backbone, name))

    def forward(self, tiles):
        self.chunks.append(len(tiles))
        if len(tiles) > self.capacity:
            raise self.error
        return self.inner(tiles)


ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory."),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    MemoryError(),
]


@pytest.mark.parametrize("error", ERRORS, ids=["cuda", "cpu", "python"])
@pytest.mark.parametrize("tile_batch", [16, "auto"])
def test_out_of_memory_halves_the_chunk_and_goes_on(tiny_backbone, error, tile_batch):
    backbone, images = tiny_backbone(), torch.randn(3, 3, 96, 96)
    expected = MultiScale(backbone, (1, 2, 3))(images).tokens
    hungry = Hungry(backbone, 3, error)
    module = MultiScale(hungry, (1, 2, 3), tile_batch=tile_batch)
    torch.testing.assert_close(module(images).tokens, expected, rtol=0, atol=1e-6)
    measured = [2, 1] if tile_batch == "auto" else []
    first = [8, 4, 2] if tile_batch == "auto" else [16, 8, 4, 2]
    assert hungry.chunks[: len(measured + first)] == measured + first
    hungry.chunks.clear()
    module(images)
    assert max(hungry.chunks) == 2, "the size that fits is remembered"


@pytest.mark.parametrize("error", ERRORS, ids=["cuda", "cpu", "python"])
def test_a_single_tile_that_does_not_fit_is_an_error(tiny_backbone, error):
    module = MultiScale(Hungry(tiny_backbone(), 0, error), (1, 2))
    with pytest.raises(type(error)):
        module(torch.randn(1, 3, 32, 32))


def test_other_errors_are_not_taken_for_memory(tiny_backbone):
    hungry = Hungry(tiny_backbone(), 3, RuntimeError("shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes"):
        MultiScale(hungry, (1, 2), tile_batch=16)(torch.randn(1, 3, 32, 32))
    assert hungry.chunks == [5]
    assert not is_out_of_memory(ValueError("out of memory of the author"[:6]))


@pytest.mark.parametrize("devices", [["cpu"], ["cpu", "cpu"], ["cpu", "cpu", "cpu"]])
def test_tiles_over_several_workers(tiny_backbone, devices):
    backbone, images = tiny_backbone(), torch.randn(2, 3, 96, 96)
    expected = MultiScale(backbone, (1, 2, 3))(images).tokens
    module = MultiScale(backbone, (1, 2, 3), devices=devices, tile_batch=4)
    torch.testing.assert_close(module(images).tokens, expected, rtol=0, atol=1e-6)
    with torch.inference_mode():
        assert module(images).tokens.is_inference()


def test_an_error_in_a_worker_reaches_the_caller(tiny_backbone):
    hungry = Hungry(tiny_backbone(), 0, ValueError("broken"))
    module = MultiScale(hungry, (1, 2), devices=["cpu", "cpu"], tile_batch=2)
    with pytest.raises(ValueError, match="broken"):
        module(torch.randn(1, 3, 32, 32))


def test_compiled_sees_one_shape(tiny_backbone, monkeypatch):
    shapes = set()

    def compile_(function, **options):
        assert options == {"dynamic": False}

        def compiled(tiles):
            shapes.add(tuple(tiles.shape))
            return function(tiles)

        return compiled

    monkeypatch.setattr(torch, "compile", compile_)
    backbone, images = tiny_backbone(), torch.randn(2, 3, 96, 96)
    expected = MultiScale(backbone, (1, 2, 3))(images).tokens
    module = MultiScale(backbone, (1, 2, 3), compile=True, tile_batch=8)
    torch.testing.assert_close(module(images).tokens, expected, rtol=0, atol=1e-6)
    assert shapes == {(8, 3, 32, 32)}


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_equals_eager(tiny_backbone):
    backbone, images = tiny_backbone(), torch.randn(1, 3, 96, 96)
    expected = MultiScale(backbone, (1, 2, 3))(images).tokens
    module = MultiScale(backbone, (1, 2, 3), compile=True, tile_batch=8)
    with torch.inference_mode():
        torch.testing.assert_close(module(images).tokens, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("tile_batch", [1, 3, 100])
@pytest.mark.parametrize("checkpoint", [False, True])
def test_gradients_do_not_depend_on_chunks_or_checkpointing(tiny_backbone, tile_batch, checkpoint):
    backbone, images = tiny_backbone(), torch.randn(2, 3, 64, 64)
    plain = MultiScale(backbone, (1, 2), tile_batch=1000)
    plain(images).tokens.square().sum().backward()
    expected = [p.grad.clone() for p in backbone.parameters()]
    backbone.zero_grad()
    module = MultiScale(backbone, (1, 2), tile_batch=tile_batch, checkpoint=checkpoint)
    module(images).tokens.square().sum().backward()
    for parameter, gradient in zip(backbone.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-4)


def test_state_dict_copies_and_moves(tiny_backbone):
    module, images = MultiScale(tiny_backbone(), (1, 2)), torch.randn(1, 3, 64, 64)
    module(images)
    other = copy.deepcopy(module)
    assert other.config == module.config
    assert torch.equal(other(images).tokens, module(images).tokens)
    with torch.no_grad():
        next(other.parameters()).add_(1)
    assert not torch.equal(other(images).tokens, module(images).tokens)
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(images).tokens, module(images).tokens)
    assert all(name.startswith("backbone.") for name in module.state_dict())
    assert module.to(torch.float64)(images.double()).tokens.dtype == torch.float64


def test_configuration_goes_through_json():
    config = MultiScaleConfig.of(
        scales=(1, 2.5),
        aspect="keep",
        overlap=0.25,
        output_grid=(7, 9),
        tile_batch="auto",
        merge="mean",
    )
    assert MultiScaleConfig.from_json(config.to_json()) == config
    assert json.loads(config.to_json())["tiling"]["scales"] == [1, 2.5]


@pytest.mark.parametrize("text", ["{}", "[]", "nonsense", '{"tiling": {"scales": [1], "x": 1}}'])
def test_other_json_is_refused(text):
    with pytest.raises(InputError, match="must be what to_json wrote"):
        MultiScaleConfig.from_json(text)
