import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from polyscale.errors import InputError
from polyscale.tasks import Multilabel
from polyscale.tasks.multilabel import average_precision


@pytest.mark.parametrize("decimals", [6, 1])
def test_average_precision_is_scikit_learns_with_weights_and_ties(decimals):
    generator = np.random.default_rng(0)
    scores, truth = generator.random(50).round(decimals), generator.random(50) < 0.3
    shares = generator.multinomial(50, np.full(50, 0.02), size=20) / 50
    expected = [average_precision_score(truth, scores, sample_weight=own) for own in shares]
    np.testing.assert_allclose(average_precision(scores, truth, shares), expected)


def test_a_label_that_is_on_no_image_of_a_resample_is_left_out():
    predictions = np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.2]])
    targets = np.array([[True, False], [False, False], [False, True]])
    metric = Multilabel().weighted(predictions, targets)
    np.testing.assert_allclose(metric(np.array([[0.5, 0.5, 0.0]])), [1.0])
    np.testing.assert_allclose(metric(np.full((1, 3), 1 / 3)), [(1 + 1 / 2) / 2])


def test_the_file_of_labels_holds_what_the_metric_averages(make_data, run_task, tmp_path):
    comparison = run_task(make_data("labels"), Multilabel())
    comparison.save(tmp_path)
    labels = json.loads((tmp_path / "labels.json").read_text())
    for row in comparison.rows:
        own = labels[row.candidate]
        assert list(own) == ["red", "blue"]
        assert np.mean(list(own.values())) == pytest.approx(row.value)


def test_texts_are_names_of_labels(make_data):
    assert Multilabel().text(np.array([True, True]), make_data("labels")) == "red, blue"
    assert Multilabel().text(np.array([0.2, 0.7]), make_data("labels")) == "blue"


def test_targets_that_are_no_labels_are_refused(make_data):
    data = make_data("labels")
    with pytest.raises(InputError, match=r"must be 0 or 1 for each of 2 labels.*\(40,\)"):
        Multilabel().check_data(make_data("class"))
    none = data.train.targets.copy()
    none[:, 1] = False
    with pytest.raises(InputError, match="must have a train image with label 'blue'"):
        Multilabel().check_data(replace(data, train=replace(data.train, targets=none)))
