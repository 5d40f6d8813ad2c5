import numpy as np
import pytest

from polyscale.errors import InputError
from polyscale.learning.heads.dense.cells import cell_labels, sample_cells


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
