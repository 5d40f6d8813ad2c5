import torch

from polyscale.cost import measure, measure_latency, peak_live_bytes
from polyscale.multiscale import MultiScale


def test_peak_counts_what_is_alive_at_once():
    def call():
        a = torch.empty(1000, dtype=torch.uint8)
        b = torch.empty(500, dtype=torch.uint8)
        del a
        return torch.empty(200, dtype=torch.uint8), b

    assert peak_live_bytes(call) == 1500
    assert peak_live_bytes(call, held=[torch.empty(10, dtype=torch.uint8)]) == 1510


def test_views_and_held_tensors_count_once():
    held = torch.empty(4, 250, dtype=torch.uint8)
    assert peak_live_bytes(lambda: held.view(-1)[10:], held=[held, held[1:]]) == 1000


def test_memory_on_the_meta_device_equals_the_cpu(tiny_backbone):
    peaks = []
    for device in ("cpu", "meta"):
        module = MultiScale(tiny_backbone().to(device), (1, 2))
        images = torch.zeros(2, 3, 64, 64, device=device)
        with torch.no_grad():
            module(images)
            peaks.append(peak_live_bytes(lambda m=module, x=images: m(x)))
    assert peaks[0] == peaks[1] > 0


def test_latency_is_the_median_of_the_timed_runs():
    calls = []
    latency = measure_latency(
        lambda: calls.append(1), device=torch.device("cpu"), num_warmup=3, min_runs=7, budget_s=0
    )
    assert len(calls) == 10
    assert latency.num_runs == 7
    assert 0 <= latency.low_ms <= latency.median_ms <= latency.high_ms


def test_measure(tiny_backbone):
    one, three = (
        measure(MultiScale(tiny_backbone(), scales), image_hw=(64, 64))
        for scales in ((1,), (1, 2, 3))
    )
    assert three.macs == 14 * one.macs
    assert three.params == one.params
    assert three.peak_bytes > one.peak_bytes > 4 * one.params
