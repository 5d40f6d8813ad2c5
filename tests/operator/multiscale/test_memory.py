import copy

import pytest
import torch

import polyscale
from polyscale.operator.multiscale import MultiScale, memory
from polyscale.operator.multiscale.memory import fitting_tiles, peak_live_bytes

CPU = torch.device("cpu")


@pytest.fixture
def free(monkeypatch):
    """Pretend that so many bytes are free."""

    def set_free(num_bytes):
        monkeypatch.setattr(memory, "free_bytes", lambda device: num_bytes)

    return set_free


@pytest.mark.parametrize(("fits", "expected"), [(0.5, 1), (1, 1), (3.99, 2), (4.01, 4), (1000, 64)])
def test_as_many_tiles_as_half_of_the_memory_holds(free, fits, expected):
    def run(num):
        return torch.zeros(num, 1000)

    free(int(fits * 4000) * 2)
    assert fitting_tiles(run, CPU) == expected


@pytest.mark.parametrize(
    ("share_of_cache", "expected"), [(1.0, 8), (1 / 8, 8), (1 / 17, 16), (1 / 1000, 64)]
)
def test_small_tiles_fill_the_cache_of_a_cpu(free, share_of_cache, expected):
    def run(num):
        return torch.zeros(num, int(share_of_cache * memory.CPU_CACHE), dtype=torch.uint8)

    free(2**40)
    assert fitting_tiles(run, CPU) == expected


def test_what_all_tiles_share_is_taken_off(free):
    def run(num):
        shared = torch.zeros(10_000)
        return torch.zeros(num, 1000), shared

    free((40_000 + 4 * 4000) * 2)
    assert fitting_tiles(run, CPU) == 4


def test_a_chunk_stays_within_what_was_free(free, tiny_backbone):
    backbone = tiny_backbone().requires_grad_(False)
    free(200_000)
    module = MultiScale(backbone, (1, 2, 3), tile_batch="auto")
    chosen = module._chunk_runner().tile_batch((32, 32))
    assert 1 < chosen < 8
    used = peak_live_bytes(lambda: backbone(torch.zeros(chosen, 3, 32, 32)))
    assert used <= 100_000 < 2 * used


@pytest.fixture
def measured(monkeypatch):
    """Each time that tiles are measured: whether activations are kept, and the tensor's dtype."""
    seen = []

    def count(run, device):
        features = run(1)
        seen.append((features.map.requires_grad, features.map.dtype, tuple(features.map.shape[2:])))
        return 4

    monkeypatch.setattr("polyscale.operator.multiscale.runner.fitting_tiles", count)
    return seen


def test_it_is_measured_once_for_each_tile_size(measured, tiny_backbone):
    module = MultiScale(tiny_backbone(), (0.5, 1, 2))
    with torch.no_grad():
        for _ in range(2):
            module(torch.randn(1, 3, 32, 32))
        module.with_scales((1, 3))(torch.randn(1, 3, 32, 32))
    assert [cells for *_, cells in measured] == [(2, 2), (4, 4)]


def test_it_is_measured_again_for_another_dtype_or_gradient_mode(measured, tiny_backbone):
    module, images = MultiScale(tiny_backbone(), (1,)), torch.randn(1, 3, 32, 32)
    for _ in range(2):
        with torch.no_grad():
            module(images)
        module(images)
        with torch.inference_mode():
            module(images)
        module.double()(images.double())
        module.float()
    kept = [(grad, dtype) for grad, dtype, _ in measured]
    expected = [(False, torch.float32), (True, torch.float32), (True, torch.float64)]
    assert kept == expected


def test_measuring_leaves_no_trace():
    """In training mode, batch norms keep their statistics and parts their modes."""
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 8, 8), torch.nn.BatchNorm2d(4))
    module = polyscale.wrap(model, (1, 2), tile_hw=(32, 32)).train()
    model[1].eval()
    before = copy.deepcopy(module.state_dict())
    module._chunk_runner().tile_batch((32, 32))
    assert [part.training for part in model] == [True, False]
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("size", [64, 48, 200, 100])
def test_peak_memory_is_a_chunk_and_the_output(tiny_backbone, batch, size):
    """Scales that are larger than the image never stand as a whole."""
    backbone = tiny_backbone(tile=64, dim=8).requires_grad_(False)
    images = torch.randn(batch, 3, size, size)
    module = MultiScale(backbone, (1, 2, 5), tile_batch=16)
    module(images)
    tiles = torch.zeros(16, 3, 64, 64)
    of_chunk = peak_live_bytes(lambda: backbone(tiles), held=[tiles])
    kept = []
    above = peak_live_bytes(lambda: kept.append(module(images)), held=[images]) - images.nbytes
    # an image that shrinks to a scale stands at that scale, which is smaller than the image
    shrunk = sum(batch * 3 * s * s * 4 for s in (64, 128) if s < size)
    assert above - of_chunk <= kept[0].tokens.nbytes + tiles.nbytes + shrunk
