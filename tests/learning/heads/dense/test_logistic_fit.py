import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from polyscale.data import IGNORED
from polyscale.errors import InputError
from polyscale.learning.heads.dense.cells import sample_cells
from polyscale.learning.heads.dense.logistic_fit import DepthBins, DepthFit, SegmentationFit
from polyscale.learning.heads.logistic import CONVERGED

DEPTHS = np.array([1.0, 2.0, 4.0], np.float32)
RANGE = {"min_depth_m": 0.5, "max_depth_m": 10.0}
THREE = {"num_classes": 3}


def as_tensor(maps):
    return torch.from_numpy(maps.take(np.arange(len(maps)))).float().permute(0, 3, 1, 2)


def logits_of_cells(head, maps):
    return head.cell_scores(as_tensor(maps)).permute(0, 2, 3, 1).flatten(0, 2)


def metres(toy, num):
    maps, labels = toy.problem(num)
    depth = np.where(labels.array < 0, np.nan, DEPTHS[labels.array])
    return maps, toy.ArrayTargets(depth.astype(np.float32))


@pytest.mark.parametrize("num_classes", [3, 5])
def test_equals_scikit_learn_on_every_pixel_with_the_features_of_its_cell(toy, num_classes):
    maps, targets = toy.problem(20)
    targets.array[:, ::3, ::5] = 0  # cells of several classes
    head, facts = SegmentationFit(regulariser=1e-2)(
        maps, targets, {"num_classes": num_classes}, seed=0
    )
    cells = sample_cells(maps, targets, num_classes=3, seed=0, max_rows=10**9)
    # ours penalises weights of features whose mean squared norm is 1, and a cell counts as one row
    scaler, root = StandardScaler().fit(cells.features.astype(np.float64)), np.sqrt(5)
    row, label = np.nonzero(cells.shares)
    weights = cells.shares[row, label] / len(cells.shares)
    reference = LogisticRegression(C=1 / 1e-2, tol=1e-10, max_iter=1000)
    reference.fit(scaler.transform(cells.features)[row] / root, label, sample_weight=weights)
    everything = maps.take(np.arange(20)).reshape(-1, 5).astype(np.float64)
    theirs = reference.predict_proba(scaler.transform(everything) / root)
    logits = logits_of_cells(head, maps)
    assert np.abs(logits.softmax(dim=1)[:, :3].detach().numpy() - theirs).max() < 1e-3
    assert (logits[:, 3:] < logits[:, :3].amin() - 100).all()
    assert facts["converged"]
    assert facts["gradient_ratio"] <= CONVERGED
    assert facts["cells"] == len(cells.images)


def test_two_classes_share_one_vector(toy):
    maps, targets = toy.problem(12)
    targets.array[targets.array == 0] = IGNORED
    head, _ = SegmentationFit()(maps, targets, THREE, seed=0)
    guess = logits_of_cells(head, maps).argmax(dim=1).numpy()
    labels = targets.array[:, 1::2, ::2].reshape(-1)
    assert set(np.unique(guess)) == {1, 2}
    assert (guess == labels)[labels >= 0].mean() > 0.9


def test_a_rare_class_does_not_stop_the_choice(toy):
    maps, targets = toy.problem(10)
    targets.array[3, 4:6, 4:6] = 3
    head, _ = SegmentationFit()(maps, targets, {"num_classes": 4}, seed=0)
    assert torch.isfinite(logits_of_cells(head, maps)).all()
    assert head.classify.bias[3] > -100


def test_depth_is_learned_and_its_bins_are_where_depths_are(toy):
    maps, targets = metres(toy, 12)
    head, facts = DepthFit()(maps, targets, RANGE, seed=0)
    predicted = head(as_tensor(maps))[:, 0].detach().numpy()
    truth = targets.array[:, 1::2, ::2]
    assert np.abs(predicted - truth).mean() < 0.4
    np.testing.assert_allclose(head.config["bins_m"], DEPTHS)
    assert facts["converged"]


def test_bins_have_equally_many_pixels_and_leave_out_what_is_unknown(toy):
    metres = np.random.default_rng(0).uniform(0, 12, (3, 20, 20)).astype(np.float32)
    metres[0, 0] = np.nan
    bins = DepthBins.of(toy.ArrayTargets(metres), (1.0, 10.0), 8)
    labels = bins.take(np.arange(3))
    counted = (metres >= 1) & (metres <= 10)
    assert np.array_equal(labels != IGNORED, counted)
    sizes = np.bincount(labels[counted])
    assert len(sizes) == 8
    assert sizes.max() - sizes.min() <= 2
    means = [metres[labels == number].mean() for number in range(8)]
    np.testing.assert_allclose(bins.means_m, means, rtol=1e-5)


@pytest.mark.parametrize(("fit", "of"), [(SegmentationFit, "labels"), (DepthFit, "metres")])
def test_a_file_can_make_it_again(toy, fit, of):
    maps, targets = toy.problem(12) if of == "labels" else metres(toy, 12)
    head, _ = fit(max_rows=300)(maps, targets, THREE if of == "labels" else RANGE, seed=3)
    twin = type(head)(**head.config)
    twin.load_state_dict(head.state_dict())
    expected = head.scores(as_tensor(maps), (9, 9))
    assert torch.equal(twin.eval().scores(as_tensor(maps), (9, 9)), expected)


def test_asks_for_something_to_tell_apart(toy):
    maps, targets = toy.problem(1)
    with pytest.raises(InputError, match="several images each, to choose λ on"):
        SegmentationFit()(maps, targets, THREE, seed=0)
    assert SegmentationFit(regulariser=0.1)(maps, targets, THREE, seed=0)
    targets.array[:] = 1
    with pytest.raises(InputError, match="at least two classes, or two depths, but got 1"):
        SegmentationFit()(maps, targets, THREE, seed=0)
    unknown = toy.ArrayTargets(np.full((1, 12, 12), 30, np.float32))
    with pytest.raises(InputError, match=r"depths from 0\.5 to 10 m, but none is"):
        DepthFit()(maps, unknown, RANGE, seed=0)
    with pytest.raises(InputError, match="regulariser must be above 0, but got 0"):
        SegmentationFit(regulariser=0)
