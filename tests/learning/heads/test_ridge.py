import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeClassifier

from polyscale.errors import InputError
from polyscale.learning.heads import (
    accumulate,
    residual_products,
    ridge_error,
    ridge_path,
    screen_ridge,
    total,
)

ALPHAS = (1e-2, 1.0, 100.0)


def labelled(num=2600, dim=12, num_classes=4, offset=50.0):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, num_classes, num)
    mixing = generator.normal(size=(dim, dim))
    rows = (generator.normal(size=(num, dim)) + labels[:, None] / 4) @ mixing + offset
    return rows.astype(np.float32), labels, generator.integers(0, 3, num)


def one_hot(labels):
    return np.eye(int(labels.max()) + 1)[labels]


def moments_of(rows, labels, folds=None, **options):
    folds = 0 * labels if folds is None else folds
    shard = [(rows, one_hot(labels), folds)]
    return accumulate(shard, num_folds=int(folds.max()) + 1, **options)


def same(one, other, rtol=1e-9):
    assert (one.num_rows, one.dim) == (other.num_rows, other.dim)
    for value, expected in (
        (one.scatter, other.scatter),
        *zip(one.means, other.means, strict=True),
    ):
        np.testing.assert_allclose(value, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


def test_are_the_plain_sums():
    rows, labels, _ = labelled()
    (moments,) = moments_of(rows, labels)
    both = np.concatenate([rows, one_hot(labels)], axis=1, dtype=np.float64)
    assert moments.num_rows == len(rows)
    np.testing.assert_allclose(np.concatenate(moments.means), both.mean(axis=0), rtol=1e-12)
    centred = both - both.mean(axis=0)
    np.testing.assert_allclose(moments.scatter, centred.T @ centred, rtol=1e-9, atol=1e-7)


def test_shards_add_and_folds_subtract():
    rows, labels, folds = labelled()
    whole = moments_of(rows, labels, folds)
    # shards of one pass, and shards of two passes that start from different means
    cut, targets = [slice(0, 700), slice(700, None)], one_hot(labels)
    shards = [(rows[c], targets[c], folds[c]) for c in cut]
    together = accumulate(shards, num_folds=3)
    apart = [accumulate([shard], num_folds=3) for shard in shards]
    for fold in range(3):
        same(together[fold], whole[fold])
        same(apart[0][fold] + apart[1][fold], whole[fold])
        kept = folds != fold
        same(total(whole) - whole[fold], moments_of(rows[kept], labels[kept])[0])


def test_a_subset_of_columns_is_a_sub_block():
    rows, labels, _ = labelled()
    columns = np.array([7, 0, 3])
    same(moments_of(rows, labels)[0].select(columns), moments_of(rows[:, columns], labels)[0])


def test_large_offsets_keep_their_digits():
    """The plain sum of squares would lose all of them."""
    rows, labels, _ = labelled(offset=0)
    (near,), (far,) = (moments_of(rows.astype(np.float64) + o, labels) for o in (0, 1e7))
    same(far.about(np.concatenate(far.means)), far)
    np.testing.assert_allclose(far.scatter, near.scatter, rtol=1e-6, atol=1e-3)


def test_single_precision_products_keep_six_digits():
    rows, labels, _ = labelled()
    (double,), (single,) = (moments_of(rows, labels, dtype=d) for d in (np.float64, np.float32))
    error = np.abs(single.scatter - double.scatter).max() / np.abs(double.scatter).max()
    assert 0 < error < 1e-6


def test_targets_may_be_anything():
    """Another model's features, far from zero."""
    rows, _, folds = labelled()
    generator = np.random.default_rng(1)
    targets = rows @ generator.normal(size=(12, 7)) + generator.normal(size=(2600, 7)) + 1e4
    (moments,) = accumulate([(rows, targets, 0 * folds)])
    (model,) = ridge_path(moments, [3.0])
    oracle = Ridge(alpha=3.0).fit(rows.astype(np.float64), targets)
    np.testing.assert_allclose(model.weights, oracle.coef_, atol=1e-6)
    error = ((targets - oracle.predict(rows)) ** 2).sum(axis=1).mean()
    assert ridge_error(model, moments) == pytest.approx(error, rel=1e-6)


@pytest.mark.parametrize("num_classes", [2, 4])
def test_ridge_is_scikit_learns(num_classes):
    rows, labels, _ = labelled(num_classes=num_classes)
    (moments,) = moments_of(rows, labels)
    exact, one_hot = rows.astype(np.float64), np.eye(num_classes)[labels]
    for alpha, model in zip(ALPHAS, ridge_path(moments, ALPHAS), strict=True):
        oracle = Ridge(alpha=alpha).fit(exact, one_hot)
        np.testing.assert_allclose(model.weights, oracle.coef_, atol=1e-6)
        np.testing.assert_allclose(model.intercept, oracle.intercept_, atol=1e-6)
        error = ((one_hot - oracle.predict(exact)) ** 2).sum(axis=1).mean()
        assert ridge_error(model, moments) == pytest.approx(error, rel=1e-6)
        answers = (exact @ model.weights.T + model.intercept).argmax(axis=1)
        expected = RidgeClassifier(alpha=alpha).fit(exact, labels).predict(exact)
        assert (answers == expected).all()


def test_ridge_is_cross_validated_by_subtraction():
    rows, labels, folds = labelled()
    screen = screen_ridge(moments_of(rows, labels, folds), ALPHAS)
    exact, one_hot = rows.astype(np.float64), np.eye(4)[labels]
    for fold in range(3):
        held = folds == fold
        for i, alpha in enumerate(ALPHAS):
            oracle = Ridge(alpha=alpha).fit(exact[~held], one_hot[~held])
            error = ((one_hot[held] - oracle.predict(exact[held])) ** 2).sum(axis=1).mean()
            assert screen.errors[fold, i] == pytest.approx(error, rel=1e-6)
    assert screen.best == ALPHAS[screen.errors.mean(axis=0).argmin()]


def test_factors_are_those_of_features_that_were_multiplied():
    rows, labels, folds = labelled()
    factors = np.linspace(0.1, 3, 12)
    plain, scaled = (moments_of(own, labels, folds) for own in (rows, rows * factors))
    one, other = screen_ridge(plain, ALPHAS, factors=factors), screen_ridge(scaled, ALPHAS)
    np.testing.assert_allclose(one.errors, other.errors, rtol=1e-6)
    for alphas in (ALPHAS, [0.3]):
        models = ridge_path(total(plain), alphas, factors=factors)
        for model, same in zip(models, ridge_path(total(scaled), alphas), strict=True):
            np.testing.assert_allclose(model.weights, same.weights * factors, atol=1e-6)
            np.testing.assert_allclose(model.intercept, same.intercept, atol=1e-5)


def test_residuals_of_each_pair_of_targets():
    rows, _, folds = labelled()
    targets = rows[:, :3] + np.random.default_rng(1).normal(size=(2600, 3))
    (moments,) = accumulate([(rows[:, 2:], targets, 0 * folds)])
    (model,) = ridge_path(moments, [1.0])
    left = targets - rows[:, 2:] @ model.weights.T - model.intercept
    np.testing.assert_allclose(residual_products(model, moments), left.T @ left / 2600, atol=1e-6)


def test_bad_input():
    rows, labels, folds = labelled()
    (moments,) = moments_of(rows, labels)
    targets = one_hot(labels)
    with pytest.raises(InputError, match="shards must hold at least one, but is empty"):
        accumulate([])
    with pytest.raises(InputError, match=r"shards must have \(12, 4\) columns .* got \(5, 4\)"):
        accumulate([(rows, targets, 0 * labels), (rows[:, :5], targets, 0 * labels)])
    with pytest.raises(InputError, match="targets must be one per row of 2600, but got 2599"):
        accumulate([(rows, targets[1:], 0 * labels)])
    with pytest.raises(
        InputError, match="targets must be finite, but got NaN or infinity in row 0"
    ):
        accumulate([(rows, np.nan * targets, 0 * labels)])
    with pytest.raises(InputError, match="folds must be one per row of 2600, from 0 to 0"):
        accumulate([(rows, targets, folds)])
    with pytest.raises(InputError, match="alphas must be above 0"):
        ridge_path(moments, [1.0, 0.0])
    with pytest.raises(InputError, match="folds must be two or more, but got 1"):
        screen_ridge([moments], ALPHAS)
