import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge, RidgeClassifier

from polyscale.errors import InputError
from polyscale.heads import accumulate, fit_lda, ridge_error, ridge_path, screen_ridge, total
from polyscale.heads.objective import predict
from polyscale.heads.rows import Rows

ALPHAS = (1e-2, 1.0, 100.0)


def labelled(num=2600, dim=12, num_classes=4, offset=50.0):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, num_classes, num)
    mixing = generator.normal(size=(dim, dim))
    rows = (generator.normal(size=(num, dim)) + labels[:, None] / 4) @ mixing + offset
    return rows.astype(np.float32), labels, generator.integers(0, 3, num)


def moments_of(rows, labels, folds=None, **options):
    folds = 0 * labels if folds is None else folds
    num_folds = int(folds.max()) + 1
    shard = [(rows, labels, folds)]
    return accumulate(shard, num_classes=int(labels.max()) + 1, num_folds=num_folds, **options)


def same(one, other, rtol=1e-9):
    assert one.counts.tolist() == other.counts.tolist()
    for name in ("mean", "class_means", "scatter", "cross", "within"):
        expected = getattr(other, name)
        np.testing.assert_allclose(
            getattr(one, name), expected, rtol=rtol, atol=rtol * np.abs(expected).max()
        )


def test_are_the_plain_sums():
    rows, labels, _ = labelled()
    (moments,) = moments_of(rows, labels)
    exact = rows.astype(np.float64)
    np.testing.assert_allclose(moments.mean, exact.mean(axis=0), rtol=1e-12)
    centred, one_hot = exact - exact.mean(axis=0), np.eye(4)[labels]
    np.testing.assert_allclose(moments.scatter, centred.T @ centred, rtol=1e-9)
    np.testing.assert_allclose(moments.cross, one_hot.T @ centred, atol=1e-7)
    own = exact - moments.class_means[labels]
    np.testing.assert_allclose(moments.within, own.T @ own / len(own), rtol=1e-9)


def test_shards_add_and_folds_subtract():
    rows, labels, folds = labelled()
    whole = moments_of(rows, labels, folds)
    # shards of one pass, and shards of two passes that start from different means
    cut = [slice(0, 700), slice(700, None)]
    shards = [(rows[c], labels[c], folds[c]) for c in cut]
    together = accumulate(shards, num_classes=4, num_folds=3)
    apart = [accumulate([shard], num_classes=4, num_folds=3) for shard in shards]
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
    near, far = rows.astype(np.float64), rows.astype(np.float64) + 1e7
    same(
        moments_of(far, labels)[0].about(moments_of(far, labels)[0].mean),
        moments_of(far, labels)[0],
    )
    np.testing.assert_allclose(
        moments_of(far, labels)[0].scatter, moments_of(near, labels)[0].scatter, rtol=1e-6
    )


def test_single_precision_products_keep_six_digits():
    rows, labels, _ = labelled()
    (double,), (single,) = (moments_of(rows, labels, dtype=d) for d in (np.float64, np.float32))
    error = np.abs(single.scatter - double.scatter).max() / np.abs(double.scatter).max()
    assert 0 < error < 1e-6


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
        answers = predict(Rows.plain(exact), model).argmax(axis=1)
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


@pytest.mark.parametrize("num_classes", [2, 4])
@pytest.mark.parametrize("solver", ["lsqr", "eigen"])
@pytest.mark.parametrize("shrinkage", [0.0, 0.3, 1.0])
def test_lda_is_scikit_learns(num_classes, solver, shrinkage):
    rows, labels, _ = labelled(num_classes=num_classes)
    exact = rows.astype(np.float64)
    model = fit_lda(moments_of(rows, labels)[0], shrinkage=shrinkage)
    oracle = LinearDiscriminantAnalysis(solver=solver, shrinkage=shrinkage or None)
    expected = oracle.fit(exact, labels).predict_proba(exact)
    np.testing.assert_allclose(predict(Rows.plain(exact), model), expected, atol=1e-6)


def test_bad_input():
    rows, labels, folds = labelled()
    (moments,) = moments_of(rows, labels)
    with pytest.raises(InputError, match="shards must hold at least one, but is empty"):
        accumulate([], num_classes=2)
    with pytest.raises(InputError, match="shards must have 12 columns like the first, but got 5"):
        accumulate([(rows, labels, 0 * labels), (rows[:, :5], labels, 0 * labels)], num_classes=4)
    with pytest.raises(InputError, match="labels must be one a row of 2600, each from 0 to 1"):
        accumulate([(rows, labels, folds)], num_classes=2, num_folds=3)
    with pytest.raises(InputError, match="folds must be one a row of 2600, each from 0 to 0"):
        accumulate([(rows, labels, folds)], num_classes=4)
    with pytest.raises(InputError, match="alphas must be above 0"):
        ridge_path(moments, [1.0, 0.0])
    with pytest.raises(InputError, match="folds must be two or more, but got 1"):
        screen_ridge([moments], ALPHAS)
    with pytest.raises(InputError, match="shrinkage must be from 0 to 1, but got 2"):
        fit_lda(moments, shrinkage=2)
    twice = np.concatenate([rows, 0 * rows], axis=1)
    with pytest.raises(InputError, match=r"shrinkage must be larger .* but got 0\. Try"):
        fit_lda(moments_of(twice, labels)[0], shrinkage=0)
    with pytest.raises(InputError, match="moments must hold each class, but class 0 is empty"):
        fit_lda(moments_of(rows, labels + 1)[0])
