import torch

from polyscale.cost import Timed, fitting_batch, measure, peak_live_bytes
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


def test_times_are_of_the_timed_runs_alone():
    calls = []
    timed = Timed(lambda: calls.append(1), device=torch.device("cpu"), turn_s=0)
    for warm_up in (True, True, False):
        timed.turn(warm_up=warm_up)
    times = timed.times()
    assert len(calls) == 5
    assert times.num_runs == 3
    assert 0 <= times.low <= times.median <= times.high


def test_a_turn_lasts_as_long_as_it_may(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr("polyscale.cost.turns.time.perf_counter", lambda: next(clock))
    timed = Timed(lambda: None, device=torch.device("cpu"), turn_s=3)
    timed.turn(warm_up=False)
    timed.turn(warm_up=False)
    assert timed.times().num_runs == 6
    assert timed.times().median == 1


def test_measure(tiny_backbone):
    one, three = (
        measure(MultiScale(tiny_backbone(), scales), image_hw=(64, 64))
        for scales in ((1,), (1, 2, 3))
    )
    assert three.macs == 14 * one.macs
    assert three.params == one.params
    assert three.peak_bytes > one.peak_bytes > 4 * one.params
    for cost in (one, three):
        assert cost.throughput.batch == 8
        assert 0 < cost.throughput.low <= cost.throughput.median <= cost.throughput.high
        assert cost.latency.num_runs >= 5


def test_a_batch_is_what_fits(monkeypatch):
    device = torch.device("cpu")
    assert fitting_batch((224, 224), device) == 8
    monkeypatch.setattr("polyscale.cost.candidate.free_bytes", lambda _: 8 * 12 * 100 * 100 * 5)
    assert fitting_batch((100, 100), device) == 4
    assert fitting_batch((10_000, 10_000), device) == 1
