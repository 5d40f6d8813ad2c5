"""What is kept of a probe gives the probabilities that the probe gave."""

import numpy as np
import pytest
from scipy.special import softmax

from polyscale.learning.heads import LinearHead, fit_logistic_probe, fit_paper_probe


@pytest.fixture
def draw():
    generator = np.random.default_rng(0)

    def make(num, dim, num_classes):
        labels = np.arange(num) % num_classes
        features = generator.normal(3, [1, *[0.01] * (dim - 2), 0], (num, dim))
        features[:, :num_classes] += np.eye(num_classes)[labels]
        return features.astype(np.float32), labels

    return make


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("dim", [6, 90], ids=["more rows", "more columns"])
def test_a_converged_probe(draw, dim, num_classes):
    train, labels = draw(60, dim, num_classes)
    test, _ = draw(20, dim, num_classes)
    result = fit_logistic_probe(train, labels, test)
    # an independent solver, on features that are standardised by hand
    from sklearn.linear_model import LogisticRegression

    mean, deviation = train.mean(axis=0, dtype=float), train.std(axis=0, dtype=float)
    varies = deviation > 1e-6
    scale = np.where(varies, 1 / np.where(varies, deviation, 1), 0) / np.sqrt(varies.sum())
    oracle = LogisticRegression(C=1 / (60 * result.regulariser), tol=1e-10, max_iter=10_000)
    oracle.fit((train - mean) * scale, labels)
    expected = oracle.predict_proba((test - mean) * scale)
    np.testing.assert_allclose(result.probabilities, expected, atol=1e-4)
    assert result.linear.config == {"in_channels": dim, "num_outputs": num_classes}


def test_the_papers_probe(draw):
    train, labels = draw(30, 5, 3)
    test, _ = draw(20, 5, 3)
    result = fit_paper_probe(train, labels, test)
    kept = softmax(result.linear.scores(test), axis=1)
    np.testing.assert_allclose(kept, result.probabilities, atol=1e-5)


def test_blocks_change_nothing():
    generator = np.random.default_rng(0)
    weights, intercept = generator.normal(size=(2, 3)), generator.normal(size=2)
    features = generator.normal(size=(2500, 3))
    expected = features @ weights.T + intercept
    head = LinearHead.of(weights, intercept)
    np.testing.assert_allclose(head.scores(features), expected, atol=1e-12)
