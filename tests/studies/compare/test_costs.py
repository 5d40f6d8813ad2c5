"""Costs: measured in turns, kept between runs, checked, or left out."""

from dataclasses import replace

import pytest
from tests.tiny_study import CANDIDATES, LARGE

from polyscale.records import FILES, Turns, read_json
from polyscale.report import write_report
from polyscale.studies.compare import costs

QUIET = {"cpu_share": 1.0, "latency_ms": (5.0, 5.1)}
BUSY = {"cpu_share": 0.6, "latency_ms": (5.0, 5.1)}


class Measured:
    """Notes which candidates are measured, with times as on this machine: quiet or busy."""

    def __init__(self, measure):
        self.measure, self.machine, self.names = measure, QUIET, []

    def __call__(self, modules, **options):
        self.names.append([str(candidate) for candidate in modules])
        return {
            candidate: replace(cost, turns=replace(cost.turns, **self.machine))
            for candidate, cost in self.measure(modules, **options).items()
        }


@pytest.fixture
def measured(monkeypatch):
    noted = Measured(costs.measure_in_turns)
    monkeypatch.setattr(costs, "measure_in_turns", noted)
    return noted


def turns(comparison):
    return {row.candidate: row.turns for row in comparison.rows}


def test_costs_are_kept_and_read_again(study, tmp_path, measured):
    first = study(cache=tmp_path)
    again = study(cache=tmp_path, seed=3, margin=0.02)
    fewer = study(CANDIDATES[:2], cache=tmp_path)
    assert measured.names == [CANDIDATES]
    assert turns(again) == turns(first)
    assert turns(fewer) == {name: turns(first)[name] for name in CANDIDATES[:2]}
    assert again.timing.stages["costs"] < first.timing.stages["costs"]


def test_a_new_candidate_or_setting_measures_all_anew(study, tmp_path, measured):
    for candidates, settings in (
        (CANDIDATES[:2], {}),
        (CANDIDATES, {}),
        (CANDIDATES, {"source": "base"}),
        (CANDIDATES, {}),
        (CANDIDATES[:2], {}),
    ):
        study(candidates, cache=tmp_path, **settings)
    assert measured.names == [CANDIDATES[:2], CANDIDATES, CANDIDATES]


def test_another_model_of_the_same_shape_is_measured(study, tmp_path, measured):
    study(cache=tmp_path)
    study.models[LARGE].model.patches.weight.data.mul_(2)
    study(cache=tmp_path)
    assert measured.names == [CANDIDATES, CANDIDATES]


def test_a_disturbed_measurement_is_not_kept_and_gives_no_verdict_on_time(
    study, tmp_path, measured
):
    measured.machine = BUSY
    busy = study(cache=tmp_path / "cache")
    assert all(one.is_disturbed for one in turns(busy).values())
    (verdict,) = busy.verdicts
    assert verdict.latency_ratio is None
    assert [cost.axis for cost in verdict.costs] == ["macs", "peak_bytes", "params"]
    measured.machine = QUIET
    (verdict,) = study(cache=tmp_path / "cache").verdicts
    assert len(measured.names) == 2
    assert verdict.latency_ratio_low <= verdict.latency_ratio <= verdict.latency_ratio_high
    assert "latency_ms" in [cost.axis for cost in verdict.costs]
    (tmp_path / "busy").mkdir()
    busy.save(tmp_path / "busy")
    page = write_report(tmp_path / "busy").read_text(encoding="utf-8")
    assert "a processor core worked for the model at least 60\N{NO-BREAK SPACE}% of" in page
    assert "Nothing is concluded about time" in page
    assert 'id="axis-latency_ms"' not in page


def test_a_damaged_file_is_measured_anew(study, tmp_path, measured):
    study(cache=tmp_path)
    for file in tmp_path.glob("*/cost.json"):
        file.write_text("{")
    study(cache=tmp_path)
    assert measured.names == [CANDIDATES, CANDIDATES]


def test_without_costs_everything_else_is_there(study, whole, tmp_path, measured):
    comparison = study(costs=False, probes=True, controls=True)
    assert not measured.names
    for row, full in zip(comparison.rows, whole.rows, strict=True):
        assert (row.macs, row.params, row.value) == (full.macs, full.params, full.value)
        assert row.latency_ms is row.peak_bytes is row.turns is None
    (verdict,) = comparison.verdicts
    assert (verdict.latency_ratio, verdict.memory_ratio) == (None, None)
    assert [cost.axis for cost in verdict.costs] == ["macs", "params"]
    assert {cascade.axis for cascade in comparison.cascades} == {"macs"}
    assert all(c.reason or (c.macs and not c.latency_ms) for c in comparison.controls)
    comparison.save(tmp_path)
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert "Time and memory were not measured" in page
    spots = read_json(tmp_path / "sweet_spots.json", FILES["sweet_spots.json"])
    assert spots.keys() == {"macs", "params"}


def test_extraction_checks_the_times(study, monkeypatch):
    monkeypatch.setattr("polyscale.records.timing.MIN_TILES", 1)
    slowdowns = [one.slowdown for one in turns(study()).values()]
    assert all(slowdown > 0 for slowdown in slowdowns)


@pytest.mark.parametrize(
    ("facts", "disturbed"),
    [
        (QUIET, False),
        (BUSY, True),
        ({"latency_ms": (5.0, 9.0)}, True),
        ({"latency_ms": (5.0, 9.0, 5.1, 4.9, 5.2)}, False),
        ({"latency_ms": (5.0, 9.0, 5.1, 6.5, 4.0)}, True),
        ({"latency_ms": (5.0,), "slowdown": 2.5}, True),
        ({"latency_ms": (5.0,), "slowdown": 0.3}, False),
    ],
)
def test_a_disturbed_machine_shows(facts, disturbed):
    assert Turns(session="a", image_hw=(4, 4), batch=1, **facts).is_disturbed is disturbed
