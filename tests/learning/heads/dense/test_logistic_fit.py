import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from polyscale.errors import InputError
from polyscale.learning.heads.dense.logistic_fit import DepthFit, SegmentationFit
from polyscale.learning.heads.dense.points import Points, sample_points
from polyscale.learning.heads.logistic import CONVERGED

DEPTHS = np.array([1.0, 2.0, 4.0], np.float32)
RANGE = {"min_depth_m": 0.5, "max_depth_m": 10.0}


def sample(maps, targets, max_rows=2000):
    return sample_points(maps, targets, max_rows=max_rows, seed=0)


def as_tensor(maps):
    return torch.from_numpy(maps.take(np.arange(len(maps)))).float().permute(0, 3, 1, 2)


def metres(toy, num):
    maps, labels = toy.problem(num)
    depth = np.where(labels.array < 0, np.nan, DEPTHS[labels.array])
    return maps, toy.ArrayTargets(depth.astype(np.float32))


@pytest.mark.parametrize("num_classes", [3, 5])
def test_equals_scikit_learn_on_the_same_pixels(toy, num_classes):
    maps, targets = toy.problem(20)
    points = sample(maps, targets)
    head, facts = SegmentationFit(regulariser=1e-2)(points, {"num_classes": num_classes}, seed=0)
    # ours penalises weights of features whose mean squared norm is 1
    scaler = StandardScaler().fit(points.features.astype(np.float64))
    reference = LogisticRegression(C=1 / (1e-2 * len(points.targets)), tol=1e-10, max_iter=1000)
    root = np.sqrt(points.features.shape[1])
    reference.fit(scaler.transform(points.features) / root, points.targets)
    cells = maps.take(np.arange(20)).reshape(-1, 5).astype(np.float64)
    theirs = reference.predict_proba(scaler.transform(cells) / root)
    logits = head.cell_scores(as_tensor(maps)).permute(0, 2, 3, 1).flatten(0, 2)
    assert np.abs(logits.softmax(dim=1)[:, :3].detach().numpy() - theirs).max() < 1e-3
    assert (logits[:, 3:] < logits[:, :3].amin() - 100).all()
    assert facts["converged"]
    assert facts["gradient_ratio"] <= CONVERGED
    assert facts["points"] == len(points.targets)


def test_no_step_of_gradient_descent_improves_the_loss_of_pixels(toy):
    """The certificate is of the loss that training minimises: of pixels, not of cells."""
    maps, targets = toy.problem(10)
    points = sample(maps, targets, max_rows=10**9)
    head, _ = SegmentationFit(regulariser=1e-7)(points, {"num_classes": 3}, seed=0)
    loss = F.cross_entropy(
        head.scores(as_tensor(maps), (12, 12)),
        torch.from_numpy(targets.array).long(),
        ignore_index=-1,
    )
    loss.backward()
    assert head.classify.weight.grad.abs().max() < 1e-5


def test_two_classes_share_one_vector(toy):
    maps, targets = toy.problem(12)
    targets.array[targets.array == 0] = -1
    points = sample(maps, targets)
    head, _ = SegmentationFit()(points, {"num_classes": 3}, seed=0)
    guess = head.scores(as_tensor(maps), (12, 12)).argmax(dim=1).numpy()
    assert (guess == targets.array)[targets.array >= 0].mean() > 0.8
    assert set(np.unique(guess)) == {1, 2}


def test_a_rare_class_does_not_stop_the_choice(toy):
    maps, targets = toy.problem(10)
    targets.array[3, 4:6, 4:6] = 3
    head, _ = SegmentationFit()(sample(maps, targets), {"num_classes": 4}, seed=0)
    assert head.classify.bias[3] > -100


def test_depth_is_learned_and_its_bins_are_where_depths_are(toy):
    maps, targets = metres(toy, 12)
    head, facts = DepthFit()(sample(maps, targets), RANGE, seed=0)
    predicted = head.scores(as_tensor(maps), (12, 12))[:, 0].detach().numpy()
    known = np.isfinite(targets.array)
    # neighbouring cells differ at random here: a constant answer is off by 1.1 m
    assert np.abs(predicted - targets.array)[known].mean() < 0.65
    np.testing.assert_allclose(head.config["bins_m"], DEPTHS)
    assert facts["converged"]


@pytest.mark.parametrize(("fit", "make"), [(SegmentationFit, "labels"), (DepthFit, "metres")])
def test_a_file_can_make_it_again(toy, fit, make):
    maps, targets = toy.problem(12) if make == "labels" else metres(toy, 12)
    arguments = {"num_classes": 3} if make == "labels" else RANGE
    head, _ = fit(max_rows=300)(sample(maps, targets), arguments, seed=3)
    twin = type(head)(**head.config)
    twin.load_state_dict(head.state_dict())
    assert torch.equal(
        twin.eval().scores(as_tensor(maps), (9, 9)), head.scores(as_tensor(maps), (9, 9))
    )


def test_asks_for_something_to_tell_apart(toy):
    points = sample(*toy.problem(1))
    with pytest.raises(InputError, match="several images each, to choose λ on"):
        SegmentationFit()(points, {"num_classes": 3}, seed=0)
    assert SegmentationFit(regulariser=0.1)(points, {"num_classes": 3}, seed=0)
    same = Points(points.features, 0 * points.targets, points.images)
    with pytest.raises(InputError, match="at least two classes, or two depths, but got 1"):
        SegmentationFit()(same, {"num_classes": 3}, seed=0)
    with pytest.raises(InputError, match=r"depths from 0\.5 to 10 m, but none is"):
        DepthFit()(same, RANGE, seed=0)
    with pytest.raises(InputError, match="regulariser must be above 0, but got 0"):
        SegmentationFit(regulariser=0)
