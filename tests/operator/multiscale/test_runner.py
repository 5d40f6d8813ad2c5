import copy
import json
from dataclasses import fields
from typing import get_type_hints

import numpy as np
import pytest
import torch

from polyscale.errors import InputError
from polyscale.operator.multiscale import MultiScale, MultiScaleConfig
from polyscale.operator.multiscale.config import Options


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
            "in_channels",
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
    # 42 tiles: one chunk where they are so small that 64 are allowed, 3 of 14 where 16 are
    first = [2, 1, 42, 21, 10, 5, 2] if tile_batch == "auto" else [14, 7, 3]
    assert hungry.chunks[: len(first)] == first
    hungry.chunks.clear()
    module(images)
    assert max(hungry.chunks) == first[-1], "the size that fits is remembered"


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


def compile_eagerly(monkeypatch, calls):
    """Put a stand-in for `torch.compile` that notes what it is given."""

    def compile_(function, **options):
        def compiled(tiles):
            calls.append(len(tiles))
            return function(tiles)

        calls.append(options)
        return compiled

    monkeypatch.setattr(torch, "compile", compile_)


@pytest.mark.parametrize(("num", "tile_batch"), [(13, 64), (3, 8), (1, 4), (2, 1)])
def test_compiled_runs_the_tiles_that_are_needed_and_no_more(
    tiny_backbone, monkeypatch, num, tile_batch
):
    calls = []
    compile_eagerly(monkeypatch, calls)
    backbone, images = tiny_backbone(), torch.randn(num, 3, 64, 64)
    expected = MultiScale(backbone, (1, 2))(images).tokens
    module = MultiScale(backbone, (1, 2), compile=True, tile_batch=tile_batch)
    torch.testing.assert_close(module(images).tokens, expected, rtol=0, atol=1e-6)
    options, *sizes = calls
    assert options == {}
    assert sum(sizes) == num * module.plan.num_tiles
    assert max(sizes) - min(sizes) <= 1


def test_compile_takes_the_arguments_of_torch_compile(tiny_backbone, monkeypatch):
    calls = []
    compile_eagerly(monkeypatch, calls)
    module = MultiScale(tiny_backbone(), (1,), compile={"mode": "max-autotune"})
    module(torch.randn(1, 3, 32, 32))
    assert calls[0] == {"mode": "max-autotune"}


def test_compiled_equals_eager(tiny_backbone):
    backbone, images = tiny_backbone(), torch.randn(1, 3, 96, 96)
    expected = MultiScale(backbone, (1, 2, 3))(images).tokens
    module = MultiScale(backbone, (1, 2, 3), compile={"backend": "aot_eager"}, tile_batch=8)
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


@pytest.mark.parametrize("merge", ["concat", "add", "mean"])
def test_a_backbone_put_in_place_of_another_is_used(tiny_backbone, merge):
    module, images = MultiScale(tiny_backbone(), (1, 2), merge=merge), torch.randn(1, 3, 64, 64)
    module(images)
    module.backbone = tiny_backbone(num_prefix=2)
    expected = MultiScale(module.backbone, (1, 2), merge=merge)(images)
    assert torch.equal(module(images).tokens, expected.tokens)


def test_a_compiled_backbone_is_replaced_as_well(tiny_backbone, monkeypatch):
    compile_eagerly(monkeypatch, [])
    module, images = MultiScale(tiny_backbone(), (1,), compile=True), torch.randn(1, 3, 32, 32)
    module(images)
    module.backbone = tiny_backbone()
    assert torch.equal(module(images).tokens, MultiScale(module.backbone, (1,))(images).tokens)


def test_copies_keep_modes_hooks_and_submodules(tiny_backbone):
    module = MultiScale(tiny_backbone(), (1,)).train()
    module.backbone.model.eval()
    module.extra = torch.nn.Linear(2, 2)
    seen = []
    module.register_forward_hook(lambda *_: seen.append(1))
    module(torch.randn(1, 3, 32, 32))
    copied = copy.deepcopy(module)
    assert [m.training for m in copied.modules()] == [m.training for m in module.modules()]
    assert torch.equal(copied.extra.weight, module.extra.weight)
    copied(torch.randn(1, 3, 32, 32))
    assert len(seen) == 2


def test_averaged_models_average_it(tiny_backbone):
    module, images = MultiScale(tiny_backbone(), (1, 2)), torch.randn(1, 3, 32, 32)
    averaged = torch.optim.swa_utils.AveragedModel(module)
    before = averaged(images).tokens
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(1)
    averaged.update_parameters(module)
    averaged.update_parameters(module)
    assert not torch.allclose(averaged(images).tokens, before)


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
    config = MultiScaleConfig(
        scales=(1, np.float64(2.5), np.int64(3)),
        aspect="keep",
        overlap=0.25,
        output_grid=(np.int64(7), 9),
        tile_batch="auto",
        merge="mean",
        compile={"mode": "default"},
    )
    assert MultiScaleConfig.from_json(config.to_json()) == config
    assert json.loads(config.to_json())["scales"] == [1, 2.5, 3]


def test_the_options_are_the_fields_of_the_configuration():
    declared = {f.name: f.type for f in fields(MultiScaleConfig) if f.name != "scales"}
    assert get_type_hints(Options) == declared


@pytest.mark.parametrize(
    "text", ["[]", "nonsense", '{"scales": [1], "x": 1}', '{"tiling": {"scales": [1]}}']
)
def test_other_json_is_refused(text):
    with pytest.raises(InputError, match="must be what to_json wrote"):
        MultiScaleConfig.from_json(text)
