from dataclasses import replace

import pytest
from tests.report.conftest import MAP_TASKS, Page

from polyscale.report.sections.heads import heads_section, training_text

ENDED = {"converged": True, "gradient_ratio": 4e-6}
GRIDS = [
    {"grid_hw": [4, 4], "value": 0.41, "macs": 2e5, "train_s": 3.2, **ENDED},
    {"grid_hw": [8, 8], "value": 0.55, "macs": 8e5, "train_s": 12.0, **ENDED},
]
FITTED = {"grid_hw": [8, 8], **ENDED}


@pytest.fixture(params=MAP_TASKS)
def map_run(request):
    return request.getfixturevalue(request.param)


def with_probe(run, **probe):
    return replace(run, results=tuple(replace(r, probe=probe) for r in run.results))


def test_every_grid_that_was_tried_has_a_row(map_run):
    run = with_probe(map_run, grids=GRIDS, **FITTED)
    page = Page(heads_section(run))
    assert page.text.count("4×4") == page.text.count("8×8") == len(run.results)
    assert "converged: gradient 4e-06 of its start" in page.text
    assert "12\N{NO-BREAK SPACE}s" in page.text
    assert run.words.value(0.55) in page.text


def test_a_grid_that_was_given_is_said(map_run):
    page = Page(heads_section(with_probe(map_run, **FITTED)))
    assert "The grid was given, and no other was tried" in page.text
    assert page.text.count("8×8") == len(map_run.results)


def test_runs_without_maps_have_no_such_section(run):
    assert heads_section(run) is None


def test_a_loss_that_still_falls_is_said():
    text = training_text({"steps": 300, "losses": [5, 4, 3, 2, 1.5]})
    assert text == "300 steps; in the last fifth the loss fell by 25.0\N{NO-BREAK SPACE}%"
    assert "by 0.0" in training_text({"steps": 300, "losses": [1, 2]})
    assert training_text({}) == "not trained"


def test_a_head_that_was_fitted_to_a_sample_says_so():
    all_cells = training_text({**ENDED, "all_cells": True, "pixels": 82320})
    assert all_cells == "converged: gradient 4e-06 of its start" == training_text(ENDED)
    sample = training_text({**ENDED, "all_cells": False, "pixels": 34952})
    assert sample == "converged, on a sample of 34,952 pixels: gradient 4e-06 of its start"
