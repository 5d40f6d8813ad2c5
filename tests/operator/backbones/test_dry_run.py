import pytest
import torch
from torch import nn

from polyscale.errors import InputError
from polyscale.operator.backbones import ReadOptions, as_backbone, dry_run, model_dtype_device


def mixed():
    """Two parts in two modes, with statistics that a run in training mode moves."""
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 2, 1), nn.Dropout(0.5))
    model.train()
    model[2].eval()
    return model


def test_every_part_gets_its_own_mode_back():
    model = mixed()
    before = [part.training for part in model.modules()]
    statistics = model[0].running_mean.clone()
    with dry_run(model):
        assert not any(part.training for part in model.modules())
        model(torch.randn(2, 3, 4, 4))
    assert [part.training for part in model.modules()] == before
    assert torch.equal(model[0].running_mean, statistics)


def test_modes_come_back_after_an_error():
    model = mixed()
    before = [part.training for part in model.modules()]
    with pytest.raises(RuntimeError, match="inside"), dry_run(model):
        raise RuntimeError("inside")
    assert [part.training for part in model.modules()] == before


def test_gradients_and_inference_mode_are_off():
    weight = nn.Parameter(torch.ones(1))
    with torch.inference_mode(), dry_run(lambda: None):
        result = weight * 2
    assert not result.requires_grad
    assert not result.is_inference()
    assert torch.is_grad_enabled()


def whole_numbers_first():
    model = nn.Module()
    model.register_parameter("index", nn.Parameter(torch.zeros(1, dtype=torch.long), False))
    model.register_parameter("weight", nn.Parameter(torch.zeros(1, dtype=torch.bfloat16)))
    return model


def buffer_alone():
    model = nn.Module()
    model.register_buffer("steps", torch.zeros(1, dtype=torch.long))
    model.register_buffer("scale", torch.zeros(1, dtype=torch.float64))
    return model


@pytest.mark.parametrize(
    ("module", "dtype", "device"),
    [
        (nn.Linear(2, 2).half(), torch.float16, "cpu"),
        (nn.Linear(2, 2, device="meta"), torch.float32, "meta"),
        (whole_numbers_first(), torch.bfloat16, "cpu"),
        (buffer_alone(), torch.float64, "cpu"),
        (nn.ReLU(), torch.float32, "cpu"),
        (None, torch.float32, "cpu"),
        (len, torch.float32, "cpu"),
    ],
)
def test_dtype_and_device(module, dtype, device):
    assert model_dtype_device(module) == (dtype, torch.device(device))


def test_the_tile_fits_the_module():
    model = nn.Conv2d(5, 2, 4, 4).double().train()
    tiles = []
    backbone = as_backbone(lambda t: tiles.append(t) or model(t), ReadOptions(tile_hw=(8, 12)))
    assert {(tile.shape, tile.dtype) for tile in tiles} == {((1, 5, 8, 12), torch.float64)}
    assert (backbone.dim, backbone.grid_hw) == (2, (2, 3))
    assert model.training


def test_a_failure_names_the_tile():
    options = ReadOptions(tile_hw=(8, 8), in_channels=3)
    with pytest.raises(InputError, match=r"Conv2d must take a tile \(1, 3, 8, 8\).* in_channels"):
        as_backbone(nn.Conv2d(4, 2, 1), options)


def test_a_compiled_model_is_not_compiled_to_be_inspected():
    calls = []

    def backend(graph, inputs):
        calls.append(graph)
        return graph.forward

    model = torch.compile(nn.Conv2d(3, 2, 4, 4), backend=backend)
    as_backbone(model, ReadOptions(tile_hw=(8, 8)))
    assert not calls
    model(torch.randn(1, 3, 8, 8))
    assert len(calls) == 1
