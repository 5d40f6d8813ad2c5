import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from polyscale.errors import InputError
from polyscale.learning.heads import fit_knn
from polyscale.learning.heads.neighbours import TEMPERATURE


def noisy(num=700, dim=6, num_classes=3):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, num_classes, num)
    rows = generator.normal(size=(num, dim)) + np.eye(num_classes, dim)[labels]
    return rows.astype(np.float32), labels


def oracle(k):
    def weights(distance):
        return np.exp((1 - distance) / TEMPERATURE)

    return KNeighborsClassifier(k, metric="cosine", weights=weights, algorithm="brute")


def test_equals_scikit_learn():
    rows, labels = noisy()
    train, test = rows[:600], rows[600:]
    for k in (1, 7, 20):
        expected = oracle(k).fit(train, labels[:600]).predict_proba(test)
        got = fit_knn(train, labels[:600], test, ks=[k]).probabilities
        np.testing.assert_allclose(got, expected, atol=1e-4)


def test_leaves_one_out():
    rows, labels = noisy(50)
    result = fit_knn(rows, labels, rows, ks=(1, 5, 10))
    for k, accuracy in result.leave_one_out.items():
        right = []
        for i in range(len(rows)):
            others = np.arange(len(rows)) != i
            model = oracle(k).fit(rows[others], labels[others])
            right.append(model.predict(rows[i : i + 1])[0] == labels[i])
        assert accuracy == pytest.approx(np.mean(right))
    best = max(result.leave_one_out.values())
    assert result.k == min(k for k, a in result.leave_one_out.items() if a == best)


def test_length_does_not_matter_and_zero_is_harmless():
    rows, labels = noisy(60)
    plain = fit_knn(rows, labels, rows, ks=(5,))
    longer = fit_knn(rows * np.arange(1, 61, dtype=np.float32)[:, None], labels, rows, ks=(5,))
    np.testing.assert_allclose(longer.probabilities, plain.probabilities, atol=1e-4)
    rows[0] = 0
    assert np.isfinite(fit_knn(rows, labels, rows).probabilities).all()


def test_k_is_below_the_number_of_rows():
    rows, labels = noisy(6)
    labels[:] = [0, 0, 0, 1, 1, 1]
    assert list(fit_knn(rows, labels, rows).leave_one_out) == [1, 5]
    with pytest.raises(InputError, match=r"ks must hold one from 1 to 5, but got \[10\]"):
        fit_knn(rows, labels, rows, ks=[10])
