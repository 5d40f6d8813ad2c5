"""Floors of a run: what is answered without a vision model, and candidates beside it."""

from collections import Counter

import numpy as np
import pytest
import torch
from tests.tiny_study import CANDIDATES, SMALL

from polyscale.errors import InputError
from polyscale.records import Floor, read_json
from polyscale.report.read import read_run
from polyscale.studies.compare.floors import ColourHistogram

NAMES = ["most frequent class", "chance", "colour histogram", f"{SMALL} with random weights"]

ROUNDING = 1e-12
"""Means of equal numbers differ in their last digit."""


@pytest.fixture
def floors(study):
    comparison = study(floors=True)
    return comparison, {floor.name: floor for floor in comparison.floors}


def test_every_candidate_stands_beside_every_floor(floors):
    comparison, found = floors
    assert list(found) == NAMES
    values = {row.candidate: row.value for row in comparison.rows}
    for floor in found.values():
        assert [contrast.first for contrast in floor.contrasts] == CANDIDATES
        assert floor.ci_low - ROUNDING <= floor.value <= floor.ci_high + ROUNDING
        for contrast in floor.contrasts:
            assert contrast.second == floor.name
            assert contrast.difference == pytest.approx(values[contrast.first] - floor.value)
            assert contrast.ci_low <= contrast.difference <= contrast.ci_high


def test_answers_without_images_are_those_of_the_labels(floors):
    comparison, found = floors
    train, test = (list(split.labels) for split in (comparison.data.train, comparison.data.test))
    most = Counter(train).most_common(1)[0][0]
    assert found["most frequent class"].value == test.count(most) / len(test)
    assert found["chance"].value == pytest.approx(1 / len(comparison.data.class_names))


def test_floors_are_written_where_there_are_any(study, tmp_path):
    comparison = study([f"{SMALL}@1"], floors=True)
    comparison.save(tmp_path)
    assert read_json(tmp_path / "floors.json", tuple[Floor, ...]) == comparison.floors
    assert study([f"{SMALL}@1"]).floors is None


def test_a_floor_that_fails_is_left_out_and_told(study, monkeypatch):
    def fail(self, tiles):
        raise RuntimeError("no colours today")

    monkeypatch.setattr(ColourHistogram, "forward", fail)
    comparison = study([f"{SMALL}@1"], floors=True)
    assert "colour histogram" not in [floor.name for floor in comparison.floors]
    left_out = comparison.rows[0].settings["floors_left_out"]
    assert left_out == {"colour histogram": "no colours today"}


def test_a_histogram_counts_pixels():
    tiles = torch.zeros(2, 3, 8, 8)
    tiles[0, 0] = 1.1  # red, beyond white as resizing may make it
    tiles[1, :, :4] = 0.3
    cells, prefix = ColourHistogram()(tiles)
    assert cells.shape == (2, 64, 1, 1)
    assert prefix.shape == (2, 0, 64)
    np.testing.assert_allclose(cells.sum(dim=1), 1)
    assert cells[0, 48] == 1
    assert cells[1, 21] == cells[1, 0] == 0.5


@pytest.mark.parametrize("metric", ["balanced_accuracy", "auroc"])
def test_another_metric_is_what_everything_rests_on(study, metric, tmp_path):
    comparison = study(metric=metric, floors=True)
    for row in comparison.rows:
        assert row.metric == metric
        assert {"accuracy", "ece"} <= row.scores.keys()
        assert metric not in row.scores
        assert row.ci_low <= row.value <= row.ci_high
        assert row.train_value >= row.value - 0.5
    assert all(c.metric == metric and c.only_first is None for c in comparison.contrasts)
    chance = {floor.name: floor.value for floor in comparison.floors}["chance"]
    expected = 0.5 if metric == "auroc" else 1 / len(comparison.data.class_names)
    assert chance == pytest.approx(expected)
    assert comparison.cascades is None
    comparison.save(tmp_path)
    assert read_run(tmp_path).images.labels is not None


def test_an_unknown_metric_is_told(study):
    with pytest.raises(InputError, match="metric must be one of accuracy, .*, but got 'f1'"):
        study.plan(metric="f1")
