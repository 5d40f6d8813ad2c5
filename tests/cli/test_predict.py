"""Predicting whole pictures from the command line, with a head that stands for one of a run."""

import csv

import numpy as np
import pytest

from polyscale.features import weights_hash
from polyscale.learning.heads import LinearHead
from polyscale.learning.heads.head_file import save_head
from polyscale.operator.backbones import load
from polyscale.stats import threshold_errors

LITE = "pip:efficientnet_lite0"

pytestmark = [pytest.mark.weights, pytest.mark.usefixtures("empty_folder")]


@pytest.fixture
def head(tmp_path):
    """A head for the classes fine and coarse, which draws its weights."""
    weights = np.random.default_rng(0).normal(0, 0.1, (2, 1280))
    probabilities = np.linspace(0.02, 0.98, 20)
    errors = vars(threshold_errors(probabilities, probabilities > 0.4))
    facts = {
        "task": "classification",
        "backbone": LITE,
        "scales": [1],
        "weights_hash": weights_hash(load(LITE)),
        "source": "native",
        "dtype": "fp32",
        "feature": "both",
        "margin": 0.01,
        "seed": 0,
        "class_names": ["fine", "coarse"],
        "positive": "fine",
        "threshold_errors": {"cross_validated": errors, "test": errors},
    }
    save_head(
        tmp_path / "0.safetensors", LinearHead.of(weights, np.zeros(2)), name="linear", facts=facts
    )
    return tmp_path / "0.safetensors"


def test_folders_are_answered_with_a_table_of_thresholds(run, head, image_folder, tmp_path):
    folders = [image_folder / name for name in ("fine", "coarse")]
    done = run("predict", "--head", head, "--threshold", "0.3", *folders, columns=200)
    assert done.returncode == 0, done.stderr
    assert "of 24 predictions are the class that the picture's folder names" in done.stdout
    assert "Images of fine that are missed at each threshold" in done.stdout
    assert "missed, cross-validated" in done.stdout
    assert "24 of 24 pictures: predictions" in done.stdout
    with (tmp_path / "predictions/predictions.csv").open() as opened:
        rows = list(csv.DictReader(opened))
    assert {row["label"] for row in rows} == {"fine", "coarse"}
    for row in rows:
        assert row["prediction"] == ("fine" if float(row["fine"]) >= 0.3 else "coarse")


def test_the_answer_for_a_picture_is_printed(run, head, image_folder, tmp_path):
    picture = next((image_folder / "fine").iterdir())
    done = run("predict", "--head", head, picture)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "predictions/predictions.csv").open() as opened:
        (row,) = csv.DictReader(opened)
    answer = f"{row['prediction']} ({float(row['probability']):.1%})"
    assert f"{picture}: {answer}" in done.stdout


def test_options_that_do_not_fit_are_refused(run, head, image_folder, refused):
    refused(run("predict", "--head", head, "--arrays", image_folder), "arrays must be left out")
    refused(run("predict", "--head", head, "--threshold", "2", image_folder), "between 0 and 1")
