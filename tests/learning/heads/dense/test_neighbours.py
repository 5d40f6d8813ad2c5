import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from polyscale.errors import InputError
from polyscale.learning.heads.dense.cells import sample_cells
from polyscale.learning.heads.dense.neighbours import NeighbourFit


@pytest.fixture
def fitted(toy):
    maps, targets = toy.problem(12)
    cells = sample_cells(maps, targets, num_classes=3, max_rows=4096, seed=0)
    head, _ = NeighbourFit(k=7)(maps, targets, {"num_classes": 3}, seed=0)
    tensor = torch.from_numpy(maps.take(np.arange(12))).float().permute(0, 3, 1, 2)
    return head, cells, tensor, targets.array


def test_equals_scikit_learns(fitted):
    head, cells, maps, _ = fitted
    scaler = StandardScaler().fit(cells.features)

    def directions(rows):
        rows = scaler.transform(rows)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    reference = KNeighborsClassifier(
        7, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.07)
    ).fit(directions(cells.features), cells.labels)
    queries = maps.permute(0, 2, 3, 1).reshape(-1, 5).numpy()
    theirs = reference.predict_proba(directions(queries))
    votes = head.cell_scores(maps).permute(0, 2, 3, 1).flatten(0, 2)
    # the bank is kept in half precision, which may swap the last neighbour for another
    difference = np.abs(votes.numpy() - theirs)
    assert np.median(difference) < 5e-3
    assert (difference < 0.02).mean() > 0.98


def test_learns_and_a_file_can_make_it_again(fitted):
    head, _, maps, labels = fitted
    guess = head.scores(maps, (12, 12)).argmax(dim=1).numpy()
    assert (guess == labels)[labels >= 0].mean() > 0.7
    twin = type(head)(**head.config)
    twin.load_state_dict(head.state_dict())
    assert torch.equal(twin.eval().scores(maps, (9, 9)), head.scores(maps, (9, 9)))


def test_refuses_no_neighbours():
    with pytest.raises(InputError, match="k must be above 0, but got 0"):
        NeighbourFit(k=0)
