"""What is free, and models that would need more."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import polyscale
from polyscale.errors import InputError
from polyscale.operator.backbones import memory
from polyscale.operator.backbones.memory import MemoryGuard, free_bytes

CPU = torch.device("cpu")


def test_what_is_free_here():
    assert 2**20 < free_bytes(CPU) < 2**50


def test_a_container_may_have_less(monkeypatch, tmp_path):
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert free_bytes(CPU) == 600_000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes(CPU) > 1_000_000


HUGE = {
    "upsampled": nn.Upsample(scale_factor=1000),
    "repeated": lambda tiles: tiles.repeat(1, 1, 3000, 3000),
    "made anew": lambda tiles: torch.zeros(1, 3, 100_000, 100_000),
    "attention": lambda tiles: (t := tiles.repeat(1, 1, 16, 16).flatten(2)).mT @ t,
}


@pytest.mark.parametrize("form", HUGE)
def test_a_tensor_that_does_not_fit_is_refused_before_it_is_computed(form, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda _: 2**30)
    with pytest.raises(InputError, match=r"must fit into memory, but computes .* 1.0 GiB are free"):
        polyscale.wrap(HUGE[form], (1,), tile_hw=(32, 32))


def test_a_tile_that_does_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda _: 2**30)
    with pytest.raises(
        InputError, match=r"computes a tensor \(1, 3, 100000, 100000\) of 111.8 GiB"
    ):
        polyscale.wrap(nn.AvgPool2d(16), (1,), tile_hw=(100_000, 100_000))


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_map_of_too_many_cells_is_refused(device):
    """It is a view of one number, so that memory does not show it."""
    model = nn.Conv2d(3, 8, 4, 4, device=device)
    with pytest.raises(InputError, match="must give a map of at most 16777216 cells, but gives"):
        polyscale.wrap(
            lambda tiles: model(tiles).mean((2, 3), keepdim=True).expand(1, 8, 100_000, 100_000),
            (1,),
            tile_hw=(32, 32),
        )


def test_only_new_tensors_count(monkeypatch):
    """A view and a change in place of large weights need no memory."""
    large, small = torch.zeros(1000), torch.zeros(1)
    monkeypatch.setattr(memory, "free_bytes", lambda _: 100)
    with MemoryGuard(CPU, "model"):
        large[1:].add_(1)
        assert large.sum() == 999
        assert F.relu(small).nonzero().shape == (0, 1)  # its shape is not known beforehand
    with pytest.raises(InputError, match=r"computes a tensor \(1000,\)"), MemoryGuard(CPU, "model"):
        large + 1
