import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from polyscale.data import IGNORED
from polyscale.errors import InputError
from polyscale.learning.heads.dense.logistic_fit import LogisticFit
from polyscale.learning.heads.dense.pixels import take_pixels
from polyscale.learning.heads.logistic import CONVERGED

THREE = {"num_classes": 3}


def as_tensor(maps):
    return torch.from_numpy(maps.take(np.arange(len(maps)))).float().permute(0, 3, 1, 2)


def logits_of_cells(head, maps):
    return head.cell_scores(as_tensor(maps)).permute(0, 2, 3, 1).flatten(0, 2)


@pytest.mark.parametrize("num_classes", [3, 5])
@pytest.mark.parametrize("max_rows", [None, 500])
def test_equals_scikit_learn_on_every_pixel(toy, num_classes, max_rows):
    """There each place stands once for each class that it has, weighed by its pixels."""
    maps, targets = toy.problem(20)
    targets = toy.ArrayTargets(targets.array.repeat(2, axis=1).repeat(2, axis=2))
    targets.array[:, ::5, 1:9] = IGNORED
    targets.array[:, 6:9, ::3] = 0  # places of two classes
    fit = LogisticFit(max_rows=max_rows, regulariser=1e-2)
    head, facts = fit(maps, targets, {"num_classes": num_classes}, seed=0)
    pixels = take_pixels(maps, targets, num_classes=3, max_rows=max_rows or 10**4, seed=0)
    # ours penalises weights of features whose mean squared norm is 1
    scaler, root = StandardScaler().fit(pixels.features.astype(np.float64)), np.sqrt(5)
    rows = scaler.transform(pixels.features) / root
    rows = rows if pixels.mixing is None else pixels.mixing @ rows
    place, label = np.nonzero(pixels.counts)
    weights = pixels.counts[place, label]
    reference = LogisticRegression(C=1 / (1e-2 * weights.sum()), tol=1e-10, max_iter=1000)
    reference.fit(rows[place], label, sample_weight=weights)
    cells = maps.take(np.arange(20)).reshape(-1, 5).astype(np.float64)
    theirs = reference.predict_proba(scaler.transform(cells) / root)
    logits = logits_of_cells(head, maps)
    assert np.abs(logits.softmax(dim=1)[:, :3].detach().numpy() - theirs).max() < 1e-3
    assert (logits[:, 3:] < logits[:, :3].amin() - 100).all()
    assert facts["pixels"] == weights.sum()
    if max_rows is None:
        assert facts["pixels"] == (targets.array >= 0).sum()
        assert len(place) > len(pixels.counts)


@pytest.mark.parametrize("max_rows", [10**4, 1400])
def test_at_the_end_the_loss_of_pixels_has_no_gradient(toy, max_rows):
    """Whether rows are cells or pixels: 1440 cells, and 2640 pixels with a label."""
    maps, targets = toy.problem(20)
    targets.array[:, ::5] = IGNORED
    head, facts = LogisticFit(max_rows=max_rows, regulariser=1e-7)(maps, targets, THREE, seed=0)
    assert facts["converged"]
    assert facts["gradient_ratio"] <= CONVERGED
    loss = F.cross_entropy(
        head.scores(as_tensor(maps), (12, 12)),
        torch.from_numpy(targets.array).long(),
        ignore_index=IGNORED,
    )
    loss.backward()
    # a sample of pixels leaves a gradient on all of them
    assert head.classify.weight.grad.abs().max() < (1e-4 if max_rows > 1440 else 0.1)


def test_two_classes_share_one_vector(toy):
    maps, targets = toy.problem(12)
    targets.array[targets.array == 0] = IGNORED
    head, _ = LogisticFit()(maps, targets, THREE, seed=0)
    guess = logits_of_cells(head, maps).argmax(dim=1).numpy()
    labels = targets.array[:, 1::2, ::2].reshape(-1)
    assert set(np.unique(guess)) == {1, 2}
    assert (guess == labels)[labels >= 0].mean() > 0.9


@pytest.mark.parametrize("max_rows", [10**4, 300])
def test_a_rare_class_does_not_stop_the_choice(toy, max_rows):
    maps, targets = toy.problem(10)
    targets.array[3, 4:6, 4:6] = 3
    head, _ = LogisticFit(max_rows=max_rows)(maps, targets, {"num_classes": 4}, seed=0)
    assert torch.isfinite(logits_of_cells(head, maps)).all()
    assert head.classify.bias[3] > -100


def test_a_memory_that_is_too_small_for_all_cells_gets_a_sample(toy, monkeypatch):
    maps, targets = toy.problem(20)
    _, all_cells = LogisticFit(regulariser=1e-2)(maps, targets, THREE, seed=0)
    monkeypatch.setattr("polyscale.learning.heads.dense.logistic_fit.MAX_VALUES", 5 * 300)
    _, sample = LogisticFit(regulariser=1e-2)(maps, targets, THREE, seed=0)
    assert all_cells["all_cells"]
    assert not sample["all_cells"]
    assert sample["pixels"] == pytest.approx(300, abs=5)
    assert all_cells["pixels"] == (targets.array >= 0).sum()


def test_learns_and_a_file_can_make_it_again(toy):
    maps, targets = toy.problem(12)
    head, _ = LogisticFit()(maps, targets, THREE, seed=3)
    guess = head.scores(as_tensor(maps), (12, 12)).argmax(dim=1).numpy()
    assert (guess == targets.array)[targets.array >= 0].mean() > 0.8
    twin = type(head)(**head.config)
    twin.load_state_dict(head.state_dict())
    expected = head.scores(as_tensor(maps), (9, 9))
    assert torch.equal(twin.eval().scores(as_tensor(maps), (9, 9)), expected)


def test_asks_for_images_to_choose_on(toy):
    maps, targets = toy.problem(1)
    with pytest.raises(InputError, match="two classes or more in several images each"):
        LogisticFit()(maps, targets, THREE, seed=0)
    assert LogisticFit(regulariser=0.1)(maps, targets, THREE, seed=0)
    with pytest.raises(InputError, match="regulariser must be above 0, but got 0"):
        LogisticFit(regulariser=0)
