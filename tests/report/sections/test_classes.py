from dataclasses import replace

import numpy as np
import pytest
from polyscale.report.classes import MAX_ROWS, class_pages


def pages(run):
    (verdict,) = run.verdicts
    return class_pages(run, [(verdict.s2, verdict.larger)])


def test_each_class_counts_its_own_images(run):
    (page,) = pages(run)
    found = run.predictions
    s2, larger = found.correct[page.s2.candidate], found.correct[page.larger.candidate]
    assert sum(row.num for row in page.rows) == len(found.ids)
    for row in page.rows:
        own = found.labels == row.name
        assert row.larger.only_first == int((s2 & ~larger & own).sum())
        assert row.larger.only_second == int((larger & ~s2 & own).sum())
        assert row.larger.difference == pytest.approx(s2[own].mean() - larger[own].mean())
        assert row.larger.ci_low <= row.larger.difference <= row.larger.ci_high


def test_matrices_agree_with_scikit_learn(run):
    metrics = pytest.importorskip("sklearn.metrics")
    (page,) = pages(run)
    for confusion in page.confusions:
        said = run.predictions.said[confusion.candidate]
        expected = metrics.confusion_matrix(run.predictions.labels, said, labels=page.classes)
        np.testing.assert_array_equal(confusion.counts, expected)
        top = confusion.mistakes[0]
        assert top.count == (expected - np.diag(np.diag(expected))).max()
        assert top.label != top.said


def test_without_a_larger_model_the_same_model_at_scale_1_stands_against(run):
    multi = next(r for r in run.results if r.candidate == "pip:dinov2_small@1,2")
    (page,) = class_pages(run, [(multi, None)])
    assert page.larger is None
    assert all(row.larger is None for row in page.rows)
    assert [c.candidate for c in page.confusions] == [multi.candidate, "pip:dinov2_small@1"]
    gains = [row.single.difference for row in page.rows]
    assert gains == sorted(gains, reverse=True)


def test_many_classes_keep_the_largest_gains_and_losses(run):
    names = np.array([f"class {i % 120:03d}" for i in range(len(run.predictions.ids))], object)
    many = replace(run, predictions=replace(run.predictions, labels=names))
    (page,) = pages(many)
    assert len(page.rows) == MAX_ROWS
    assert page.num_hidden == 120 - MAX_ROWS
    assert all(confusion.counts is None for confusion in page.confusions)
