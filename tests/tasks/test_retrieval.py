from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from polyscale.errors import InputError
from polyscale.tasks import Retrieval
from polyscale.tasks import retrieval as module


def test_scores_are_those_of_each_query_by_hand():
    generator = np.random.default_rng(0)
    rows, targets = generator.normal(size=(20, 5)), generator.integers(3, size=20)
    ranked = Retrieval().fit_predict(rows, targets, rows, None)
    columns = Retrieval().score_images(ranked, targets)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    for query in range(20):
        others = np.delete(np.arange(20), query)
        similarity, relevant = unit[others] @ unit[query], targets[others] == targets[query]
        assert columns["retrieval_map"][query] == pytest.approx(
            average_precision_score(relevant, similarity)
        )
        nearest = relevant[np.argsort(-similarity)]
        assert columns["recall_1"][query] == nearest[0]
        assert columns["recall_5"][query] == nearest[:5].any()


def test_chunks_change_nothing(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(20, 5))
    whole = Retrieval().fit_predict(rows, rows, rows, None)
    monkeypatch.setattr(module, "CHUNK", 7)
    np.testing.assert_array_equal(Retrieval().fit_predict(rows, rows, rows, None), whole)
    assert not (whole == np.arange(20)[:, None]).any()


def test_a_query_without_a_partner_does_not_count():
    ranked = np.array([[1, 2], [0, 2], [1, 0]])
    scores = Retrieval().score(ranked, np.array(["a", "a", "b"]))
    assert scores.num_judged == 2
    assert np.isnan(scores.columns["recall_1"][2])
    assert (scores.value, scores.others["recall_1"]) == (1, 1)


def test_the_prediction_is_the_nearest_image(make_data, run_task):
    comparison = run_task(make_data("class"), Retrieval())
    columns = comparison.scores["tiny:net_small@1"].columns
    assert set(columns["prediction"]) <= set(comparison.data.test.ids)
    assert columns["label"][0] == str(comparison.data.test.targets[0])


def test_data_in_which_nothing_can_be_found_are_refused(make_data):
    data = make_data("class")
    alone = replace(data, test=replace(data.test, targets=np.arange(30)))
    with pytest.raises(InputError, match="one with two test images"):
        Retrieval().check_data(alone)
