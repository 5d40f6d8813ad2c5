import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from polyscale.errors import InputError
from polyscale.learning.heads.dense.cells import cell_labels, fit_patches, sample_cells


def plainly(labels, grid_hw, num_classes):
    found = np.full((len(labels), *grid_hw), -1)
    for i, y, x in np.ndindex(found.shape):
        votes = [0] * num_classes
        for row, column in np.ndindex(labels.shape[1:]):
            inside = (row + 0.5) * grid_hw[0] // labels.shape[1] == y
            inside &= (column + 0.5) * grid_hw[1] // labels.shape[2] == x
            if inside and labels[i, row, column] >= 0:
                votes[labels[i, row, column]] += 1
        if any(votes):
            found[i, y, x] = votes.index(max(votes))
    return found


@pytest.mark.parametrize("label_hw", [(12, 12), (7, 9), (3, 3), (2, 5)])
def test_a_cell_has_its_most_frequent_class(label_hw):
    labels = np.random.default_rng(0).integers(-1, 3, (4, *label_hw)).astype(np.int16)
    labels[0, :4, :4] = -1
    assert np.array_equal(cell_labels(labels, (3, 2), 3), plainly(labels, (3, 2), 3))


def test_rows_are_the_cells_they_say(toy):
    maps, targets = toy.problem(num=37)
    cells = sample_cells(maps, targets, num_classes=3, seed=0, max_rows=10**9)
    everything = maps.take(np.arange(37))
    of_cell = cell_labels(targets.array, (6, 6), 3)
    assert len(cells.labels) == (of_cell >= 0).sum()
    assert np.array_equal(cells.features, everything[of_cell >= 0])
    assert np.array_equal(cells.labels, of_cell[of_cell >= 0])
    assert np.array_equal(cells.images, np.nonzero(of_cell >= 0)[0])


def test_a_sample_keeps_the_shares_and_the_rare(toy):
    maps, targets = toy.problem(num=40)
    targets.array[targets.array == 2] = 1
    targets.array[3, 4:8, 4:8] = 2  # four cells
    cells = sample_cells(maps, targets, num_classes=3, seed=1, max_rows=200)
    counts = np.bincount(cells.labels)
    assert counts[2] == 4
    assert counts[:2].sum() == pytest.approx(200, abs=5)
    assert counts[1] / counts[0] == pytest.approx(2, rel=0.2)
    again = sample_cells(maps, targets, num_classes=3, seed=1, max_rows=200)
    other = sample_cells(maps, targets, num_classes=3, seed=2, max_rows=200)
    assert np.array_equal(cells.features, again.features)
    assert not np.array_equal(cells.features, other.features)


def test_asks_for_as_many_targets_and_two_classes(toy):
    maps, targets = toy.problem(num=5)
    with pytest.raises(InputError, match="targets must be one a map of 5, but got 4"):
        sample_cells(maps, toy.ArrayTargets(targets.array[:4]), num_classes=3, seed=0, max_rows=9)
    targets.array[:] = -1
    with pytest.raises(InputError, match="at least two classes, but got 0"):
        sample_cells(maps, targets, num_classes=3, seed=0, max_rows=9)


ALL = 10**9


def all_cells(toy, num):
    return sample_cells(*toy.problem(num), num_classes=3, seed=0, max_rows=ALL)


def votes_of_cells(head, maps):
    features = torch.from_numpy(maps.take(np.arange(len(maps)))).float()
    return head.cell_scores(features.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).flatten(0, 2)


@pytest.mark.parametrize("num_classes", [3, 5])
def test_logistic_regression_equals_scikit_learn_on_the_same_cells(toy, num_classes):
    maps, targets = toy.problem(20)
    cells = all_cells(toy, 20)
    # ours penalises weights of features whose mean squared norm is 1
    scaler = StandardScaler().fit(cells.features.astype(np.float64))
    ours = fit_patches(
        "logistic", maps, targets, num_classes=num_classes, max_rows=ALL, regulariser=1e-2
    )
    reference = LogisticRegression(C=1 / (1e-2 * len(cells.labels)), tol=1e-10, max_iter=1000)
    root = np.sqrt(cells.features.shape[1])
    reference.fit(scaler.transform(cells.features) / root, cells.labels)
    theirs = reference.predict_proba(
        scaler.transform(maps.take(np.arange(20)).reshape(-1, 5).astype(np.float64)) / root
    )
    logits = votes_of_cells(ours, maps)
    assert np.abs(logits.softmax(dim=1)[:, :3].detach().numpy() - theirs).max() < 1e-3
    assert (logits[:, 3:] < logits[:, :3].amin() - 100).all()


def test_two_classes_share_one_vector(toy):
    maps, targets = toy.problem(12)
    targets.array[targets.array == 0] = -1
    head = fit_patches("logistic", maps, targets, num_classes=3, seed=0)
    guess = votes_of_cells(head, maps).argmax(dim=1)
    cells = sample_cells(maps, targets, num_classes=3, seed=0, max_rows=ALL)
    labels = torch.from_numpy(targets.array[:, ::2, ::2].reshape(-1))
    assert set(cells.labels) == {1, 2}
    assert (guess[labels > 0] == labels[labels > 0]).float().mean() > 0.9


def test_neighbours_equal_scikit_learns(toy):
    maps, targets = toy.problem(12)
    cells = all_cells(toy, 12)
    head = fit_patches("knn", maps, targets, num_classes=3, max_rows=ALL, k=7)
    scaler = StandardScaler().fit(cells.features)

    def directions(rows):
        rows = scaler.transform(rows)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    reference = KNeighborsClassifier(
        7, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.07)
    ).fit(directions(cells.features), cells.labels)
    queries = maps.take(np.arange(12)).reshape(-1, 5).astype(np.float32)
    theirs = reference.predict_proba(directions(queries))
    # the bank is kept in half precision, which may swap the last neighbour for another
    difference = np.abs(votes_of_cells(head, maps).numpy() - theirs)
    assert np.median(difference) < 5e-3
    assert (difference < 0.02).mean() > 0.98


def test_a_rare_class_does_not_stop_the_choice(toy):
    maps, targets = toy.problem(10)
    targets.array[3, 4, 4] = targets.array[3, 5, 5] = targets.array[3, 4, 5] = 3
    targets.array[3, 5, 4] = 3
    head = fit_patches("logistic", maps, targets, num_classes=4)
    assert torch.isfinite(votes_of_cells(head, maps)).all()
    assert head.classify.bias[3] > -100


@pytest.mark.parametrize("kind", ["knn", "logistic"])
def test_learns_and_a_file_can_make_it_again(toy, kind):
    maps, targets = toy.problem(12)
    head = fit_patches(kind, maps, targets, num_classes=3, seed=3, max_rows=300)
    x = torch.from_numpy(maps.take(np.arange(12))).float().permute(0, 3, 1, 2)
    target = torch.from_numpy(targets.array).long()
    guess = head.scores(x, (12, 12)).argmax(dim=1)
    assert (guess == target)[target >= 0].float().mean() > 0.8
    twin = type(head)(**head.config)
    twin.load_state_dict(head.state_dict())
    assert torch.equal(twin.eval().scores(x, (9, 9)), head.scores(x, (9, 9)))


def test_refuses_what_it_does_not_know(toy):
    problem = toy.problem(3)
    with pytest.raises(InputError, match="kind must be 'knn' or 'logistic', but got 'tree'"):
        fit_patches("tree", *problem, num_classes=3)
    with pytest.raises(InputError, match="options of knn must be among max_rows and k"):
        fit_patches("knn", *problem, num_classes=3, regulariser=1.0)
    with pytest.raises(InputError, match="k must be above 0, but got 0"):
        fit_patches("knn", *problem, num_classes=3, k=0)


def test_asks_for_images_to_choose_on(toy):
    problem = toy.problem(1)
    with pytest.raises(InputError, match="two classes or more in several images each"):
        fit_patches("logistic", *problem, num_classes=3)
    assert fit_patches("logistic", *problem, num_classes=3, regulariser=0.1)
