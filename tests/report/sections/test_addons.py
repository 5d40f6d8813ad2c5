from dataclasses import replace

from polyscale.records import Cascade, Shots, Turns
from polyscale.report.sections.addons import (
    budgets,
    budgets_section,
    cascades_section,
    few_shot,
)


def test_skipped_shots_are_left_out(run):
    skipped = [p for probes in run.probes.values() for p in probes.few_shot if p.skipped]
    assert skipped
    _, shots, _ = few_shot(run, run.probes)
    assert list(shots) == sorted(set(shots))
    assert not {p.shots for p in skipped} & set(shots)


def test_shots_without_a_number_are_no_chart(run):
    name = run.results[0].candidate
    nothing = replace(run.probes[name], few_shot=(Shots(1, None, None, None, 0, "few"),))
    assert few_shot(run, {name: nothing}) is None


def test_each_budget_gets_more_and_the_last_is_level_with_the_best(run):
    best = max(run.results, key=lambda r: r.selection_value)
    found = budgets(run)
    assert [axis.key for axis, _ in found] == ["macs", "latency_ms", "peak_bytes", "params"]
    for axis, ranges in found:
        last = run.rows[ranges[-1].candidate]
        error = run.errors.get(frozenset((best.candidate, last.candidate)), 0.0)
        assert best.selection_value - last.selection_value <= error
        lows = [r.budget_low for r in ranges]
        assert lows == sorted(lows)
        assert lows[0] == min(getattr(r, axis.key) for r in run.results)
    assert budgets_section(replace(run, results=run.results[:1])) is None


def test_cascades_in_time_are_left_out_where_another_candidate_was_disturbed(run):
    small, large, *others = run.results
    quiet = Turns(session="a", image_hw=(4, 4), batch=1, latency_ms=(1.0, 1.0))
    facts = {
        "small": small.candidate,
        "large": large.candidate,
        "kind": "larger",
        "thresholds": (0.5, 2.0),
        "share": (0.0, 1.0),
        "cost": (1.0, 2.0),
        "accuracy": (0.5, 0.6),
        "random_accuracy": (0.5, 0.6),
        "area_gain": 0.0,
    }
    both = tuple(Cascade(axis=axis, **facts) for axis in ("macs", "latency_ms"))
    calm = [replace(row, turns=quiet) for row in run.results]
    disturbed = [*calm[:-1], replace(calm[-1], turns=replace(quiet, cpu_share=0.5))]
    assert others
    for rows, num in ((calm, 2), (disturbed, 1)):
        section = cascades_section(replace(run, results=tuple(rows), cascades=both))
        assert section.count("<figcaption>") == num
