import json

import pytest
import torch

from polyscale.operator.cost import Cost, Meter, Timed, candidate, fitting_batch
from polyscale.operator.cost.candidate import cpu_threads
from polyscale.operator.multiscale import MultiScale
from polyscale.operator.multiscale.memory import peak_live_bytes


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


def ticks(monkeypatch, *seconds, cpu=()):
    """Clocks by which the calls take these times, and turns this much of a processor core."""
    clock = iter([t for s in seconds for t in (0, s)])
    core = iter([t for s in cpu or seconds for t in (0, s)])
    monkeypatch.setattr(candidate, "TURN_S", 3)
    monkeypatch.setattr(candidate.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(candidate.time, "thread_time", lambda: next(core))


def test_long_calls_are_warmed_up_once(monkeypatch):
    ticks(monkeypatch, 99, 4, 5, 6)
    timed = Timed(lambda: None, torch.device("cpu"))
    for _ in range(3):
        timed.turn()
    assert timed.quartiles_s() == (4.5, 5, 5.5)
    assert timed.medians_s() == [4, 5, 6]


def test_what_has_run_before_is_not_warmed_up(monkeypatch):
    ticks(monkeypatch, 4, 5)
    timed = Timed(lambda: None, torch.device("cpu"), is_warm=True)
    for _ in range(2):
        timed.turn()
    assert timed.medians_s() == [4, 5]


def test_short_calls_are_warmed_up_in_every_turn(monkeypatch):
    ticks(monkeypatch, 99, 1, 1, 1, 99, 2, 2)
    timed = Timed(lambda: None, torch.device("cpu"))
    for _ in range(2):
        timed.turn()
    assert timed.quartiles_s() == (1, 1, 2)
    assert timed.medians_s() == [1, 2]


def test_the_share_of_a_core_is_that_of_all_turns(monkeypatch):
    ticks(monkeypatch, 99, 4, 6, cpu=(4, 3))
    timed = Timed(lambda: None, torch.device("cpu"))
    for _ in range(2):
        timed.turn()
    assert timed.cpu_share == 0.7


def test_threads_are_as_before_after_a_call_that_fails():
    before, inside = torch.get_num_threads(), []

    def fail():
        inside.append(torch.get_num_threads())
        raise ZeroDivisionError

    for threads in (1, before + 2, None):
        with pytest.raises(ZeroDivisionError):
            Timed(fail, torch.device("cpu"), threads=threads).turn()
        assert torch.get_num_threads() == before
    assert inside == [1, before + 2, before]


def test_meters(tiny_backbone, monkeypatch):
    monkeypatch.setattr(candidate, "TURN_S", 0.01)
    modules = [MultiScale(tiny_backbone(), scales) for scales in ((1,), (1, 2, 3))]
    with cpu_threads(2):
        meters = [Meter(module, (64, 64)) for module in modules]
        for number in range(2):
            for meter in meters:
                meter.turn(number)
        one, three = (meter.cost("now") for meter in meters)
    assert three.macs == 14 * one.macs
    assert three.params == one.params
    assert three.peak_bytes > one.peak_bytes > 4 * one.params
    for cost, module in zip((one, three), modules, strict=True):
        assert cost.flops == 2 * cost.macs
        assert 0 < cost.latency_low_ms <= cost.latency_ms <= cost.latency_high_ms
        assert 0 < cost.throughput_low <= cost.throughput <= cost.throughput_high
        turns = cost.turns
        assert (turns.session, turns.image_hw, len(turns.latency_ms)) == ("now", (64, 64), 2)
        assert cost.latency_ms == min(turns.one_thread_ms, turns.all_threads_ms)
        assert 0 < turns.cpu_share <= 1.05
        assert Cost.from_dict(json.loads(json.dumps(cost.to_dict()))) == cost
        counted = Cost.counted(module, (64, 64))
        assert counted == Cost(params=cost.params, macs=cost.macs, flops=cost.flops)


def test_the_faster_number_of_threads_goes_on(tiny_backbone, monkeypatch):
    monkeypatch.setattr(candidate, "TURN_S", 0)
    with cpu_threads(2):
        meter = Meter(MultiScale(tiny_backbone(), (1,)), (64, 64))
        for number in range(candidate.TURNS):
            meter.turn(number)
    cost = meter.cost("now")
    assert len(cost.turns.latency_ms) == candidate.TURNS
    slower = {1: "all_threads_ms", 2: "one_thread_ms"}[cost.turns.threads]
    assert getattr(cost.turns, slower) > 0 < cost.turns.tile_ms


def test_a_batch_is_what_fits(monkeypatch):
    device = torch.device("cuda")
    monkeypatch.setattr(candidate, "free_bytes", lambda _: 8 * 12 * 100 * 100 * 3)
    assert fitting_batch((10, 10), device) == 16
    assert fitting_batch((100, 100), device) == 2
    assert fitting_batch((10_000, 10_000), device) == 1
