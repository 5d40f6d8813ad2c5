"""The grid of the map that a head gets, and linear heads that are fitted in one go."""

import json

import pytest
from tests.tiny_study import CANDIDATES

from polyscale.learning.heads.head_file import load_head
from polyscale.learning.heads.logistic import CONVERGED
from polyscale.studies.predict import load_predictor
from polyscale.tasks.registry import heads_of

SMALL = {"channels": 8}

AUTO = {"training": None, "grid": "auto"}


@pytest.fixture(params=["segmentation", "depth"])
def chosen(request, study):
    return study(task=request.param, **AUTO)


def test_the_best_of_the_grids_of_the_scales_is_taken(chosen):
    one, two, larger = (row.probe for row in chosen.rows)
    assert [trial["grid_hw"] for trial in one["grids"]] == [[4, 4]]
    assert [trial["grid_hw"] for trial in two["grids"]] == [[4, 4], [8, 8]]
    sign = 1 if chosen.rows[1].higher_is_better else -1
    best = max(two["grids"], key=lambda trial: sign * trial["value"])
    assert two["grid_hw"] == best["grid_hw"]
    assert chosen.rows[1].selection_value == best["value"]
    assert two["grids"][1]["macs"] > two["grids"][0]["macs"]
    assert larger["grid_hw"] == [4, 4]


def test_a_fitted_head_brings_its_certificate_and_a_trained_one_its_losses(study):
    for task, name in (("segmentation", "losses"), ("depth", "losses")):
        for row in study(task=task, **AUTO).rows:
            assert row.probe[name]
            assert all(trial[name] for trial in row.probe["grids"])
            assert row.probe.get("gradient_ratio", 0) <= CONVERGED


@pytest.mark.parametrize("grid", ["base", "largest", (4, 4)])
def test_a_given_grid_is_not_compared(study, grid):
    (row,) = study([CANDIDATES[1]], training=None, grid=grid).rows
    assert row.probe["grid_hw"] == ([8, 8] if grid == "largest" else [4, 4])
    assert "grids" not in row.probe
    (auto,) = study([CANDIDATES[1]], **AUTO).rows
    values = {str(trial["grid_hw"]): trial["value"] for trial in auto.probe["grids"]}
    # maps of one grid are the means of those of a finer one, but kept in half precision
    assert row.selection_value == pytest.approx(values[str(row.probe["grid_hw"])], abs=0.02)


def test_a_head_that_is_trained_gets_the_grid_that_is_best_for_a_linear_one(study):
    (linear,) = study([CANDIDATES[1]], **AUTO).rows
    (trained,) = study([CANDIDATES[1]], grid="auto", head="upernet", head_options=SMALL).rows
    assert trained.probe["grids"] == [
        {**trial, "train_s": pytest.approx(trial["train_s"], abs=60)}
        for trial in linear.probe["grids"]
    ]
    assert trained.probe["grid_hw"] == linear.probe["grid_hw"]
    assert trained.probe["steps"] == 20


def test_a_saved_head_knows_its_grid(study, tmp_path):
    comparison = study([CANDIDATES[1]], **AUTO)
    comparison.save(tmp_path)
    (row,) = json.loads((tmp_path / "results.json").read_text())
    file = tmp_path / row["probe"]["file"]
    assert load_head(file, heads_of).facts["grid"] == row["probe"]["grid_hw"]
    assert load_predictor(file, backbone=study.models["tiny:net_small"])
