"""Floors, training scores and calibration on the page."""

from dataclasses import replace

import numpy as np
import pytest

from polyscale.report.sections.calibration import calibration_section, reliabilities
from polyscale.report.sections.floors import floor_rows, floors_section


def test_every_floor_has_a_row_and_the_candidates_that_do_not_beat_it(run):
    rows = floor_rows(run)
    assert {floor.name for floor, _, _ in rows} == {floor.name for floor in run.floors}
    values = [floor.value for floor, _, _ in rows]
    assert values == sorted(values, reverse=True)
    for floor, best, names in rows:
        assert best.difference == max(c.difference for c in floor.contrasts)
        unbeaten = [name for name in run.rows if not floor.beaten_by(name)]
        assert sorted(names) == sorted(run.names[name] for name in unbeaten)


def beaten(floor, low):
    contrasts = (replace(c, ci_low=low, difference=0.5, ci_high=0.6) for c in floor.contrasts)
    return replace(floor, contrasts=tuple(contrasts))


@pytest.mark.parametrize("low", [0.1, -0.1])
def test_the_page_says_whether_candidates_beat_the_floors(run, low):
    told = floors_section(replace(run, floors=tuple(beaten(floor, low) for floor in run.floors)))
    assert ("Every candidate is shown to be better" in told) == (low > 0)
    assert ("Not every candidate" in told) == (low < 0)


def test_a_ceiling_is_shown_apart_and_nothing_must_beat_it(run):
    floor, *others = run.floors
    ceiling = replace(beaten(floor, -0.1), kind="ceiling", name="told everything")
    bounded = replace(run, floors=(ceiling, *(beaten(other, 0.1) for other in others)))
    assert "told everything" not in [own.name for own, _, _ in floor_rows(bounded)]
    assert [own.name for own, _, _ in floor_rows(bounded, "ceiling")] == ["told everything"]
    page = floors_section(bounded)
    assert "Every candidate is shown to be better" in page
    assert "told everything" in page


def test_a_run_without_floors_and_training_scores_has_no_section(run):
    old = tuple(replace(result, train_value=None) for result in run.results)
    assert floors_section(replace(run, floors=(), results=old)) is None
    assert "What candidates are chosen on" in floors_section(replace(run, floors=()))


def test_calibration_is_that_of_the_rows(run):
    found = reliabilities(run)
    assert found
    for name, curve in found.items():
        assert curve.error == pytest.approx(run.rows[name].scores["ece"], abs=1e-6)
        right = np.nansum(curve.accuracy * curve.num_images)
        assert right == pytest.approx(run.images.correct[name].sum())
    assert calibration_section(run).count("<figure") == len(found)
    without = replace(run, images=replace(run.images, confidence={}))
    assert calibration_section(without) is None


def test_what_else_candidates_are_chosen_on_is_shown(run):
    rows = tuple(replace(result, train_value=None) for result in run.results)
    task = replace(run.task, chosen_on="validation episodes")
    page = floors_section(replace(run, floors=(), results=rows, task=task))
    assert "validation episodes</th>" in page
    assert "it learned from" not in page
