import pytest
import torch
from torch import nn

from polyscale.operator.backbones import as_backbone
from polyscale.operator.multiscale import MultiScale
from polyscale.types import TileFeatures


class NormedBackbone(nn.Module):
    """A `Backbone` whose batch norm and dropout tell whether it is being trained."""

    name, tile_hw, grid_hw, dim = "normed", (32, 32), (4, 4), 6
    num_prefix, has_cls, fixed_tile, mean, std = 0, False, False, (0.5,) * 3, (0.25,) * 3
    in_channels = 3

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 6, 8, 8), nn.BatchNorm2d(6), nn.Dropout(0.5))

    def forward(self, tiles):
        cells = self.layers(tiles)
        return TileFeatures(cells, cells.new_empty(len(cells), 0, 6))


@pytest.fixture
def multiscale(tiny_backbone):
    """Scales 1 and 2 of a small backbone with a class token; 4×4 cells, 12 channels."""
    return MultiScale(tiny_backbone(), scales=(1, 2), frozen=True)


@pytest.fixture
def normed():
    """The same with batch norms."""
    return MultiScale(NormedBackbone(), scales=(1, 2), frozen=True)


@pytest.fixture
def timm_multiscale():
    """A live model of timm, which can be built again."""
    timm = pytest.importorskip("timm")

    def make(**options):
        backbone = as_backbone(timm.create_model("test_vit", img_size=32))
        return MultiScale(backbone, scales=(1, 2), **options)

    return make


@pytest.fixture
def learns():
    """One step of training: the head moves, and of the backbone nothing at all."""

    def step(model, backbone, loss):
        before = {k: v.clone() for k, v in model.state_dict().items()}
        head = [p for p in model.parameters() if p.requires_grad]
        optimiser = torch.optim.SGD(head, lr=0.1)
        loss().backward()
        optimiser.step()
        own = {id(v) for v in backbone.state_dict(keep_vars=True).values()}
        moved = {"head": False, "backbone": False}
        for name, value in model.state_dict(keep_vars=True).items():
            part = "backbone" if id(value) in own else "head"
            moved[part] |= not torch.equal(value.detach(), before[name])
        assert own
        assert moved["head"]
        assert all(p.grad is not None for p in head)
        return moved["backbone"]

    return step
