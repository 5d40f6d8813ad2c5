import numpy as np
import pytest
import torch
import torch.nn.functional as F

import polyscale
from polyscale.data import load_segmentation
from polyscale.features import ArrayMaps
from polyscale.learning.heads.dense.registry import SEGMENTATION_HEADS
from polyscale.learning.heads.dense.segmentation import (
    cross_entropy,
    predict_labels,
    subsample,
    upsample,
)
from polyscale.learning.heads.dense.train import cached_batches, train_head


@pytest.mark.parametrize("num_classes", [1, 2, 5, 30])
@pytest.mark.parametrize("grid_hw", [(1, 1), (7, 7), (5, 9), (28, 20)])
@pytest.mark.parametrize("out_hw", [(112, 112), (33, 70), (3, 4), (1, 200)])
@pytest.mark.parametrize("size", [1e-3, 50.0])
def test_equals_the_argmax_of_all_scores_up_to_ties(num_classes, grid_hw, out_hw, size):
    logits = size * torch.randn(3, num_classes, *grid_hw)
    scores = upsample(logits, out_hw)
    labels = predict_labels(logits, out_hw)
    assert labels.dtype == torch.int16
    assert labels.shape == (3, *out_hw)
    taken = scores.gather(1, labels.long()[:, None])[:, 0]
    assert (scores.amax(dim=1) - taken).max() <= 1e-5 * scores.abs().max()
    assert (labels != scores.argmax(dim=1)).float().mean() < 1e-3


def test_a_uniform_score_gives_the_first_class():
    assert not predict_labels(torch.zeros(1, 4, 3, 3), (20, 20)).any()


def test_leaves_out_nothing_where_one_class_wins_by_a_pixel():
    # class 2 wins in the middle of a cell only, never at a corner of the grid
    logits = torch.tensor([[[[1.0, 0], [0, 1]], [[0, 1.0], [1, 0]], [[0.51, 0.51], [0.51, 0.51]]]])
    labels = predict_labels(logits, (64, 64))
    assert torch.equal(labels.long(), F.interpolate(logits, (64, 64), mode="bilinear").argmax(1))
    assert (labels == 2).any()


def test_the_loss_is_the_mean_over_labelled_pixels():
    logits, target = torch.randn(2, 3, 4, 4), torch.randint(-1, 3, (2, 9, 11))
    full = F.interpolate(logits, (9, 11), mode="bilinear").log_softmax(dim=1)
    each = [
        -full[i, target[i, y, x], y, x] for i, y, x in np.ndindex(2, 9, 11) if target[i, y, x] >= 0
    ]
    torch.testing.assert_close(cross_entropy(logits, target), torch.stack(each).mean())


def test_subsample_takes_the_middles():
    target = torch.arange(9 * 12).view(1, 9, 12)
    assert subsample(target, (3, 4)).tolist() == [
        [[13, 16, 19, 22], [49, 52, 55, 58], [85, 88, 91, 94]]
    ]
    assert subsample(target, (9, 12)) is target
    assert subsample(target, (100, 4)).shape == (1, 9, 4)


@pytest.mark.weights
def test_linear_on_real_features_beats_the_largest_class(toy):
    model = polyscale.wrap("pip:efficientnet_lite0", scales=(1,))
    data = load_segmentation("rooms")

    def first(split, num):
        with torch.no_grad():
            maps = model(model.preprocess([split.read(i) for i in range(num)])).map
        return maps, np.stack([split.target(i) for i in range(num)])

    maps, labels = first(data.train, 30)
    kind = SEGMENTATION_HEADS["linear"]
    torch.manual_seed(0)
    head = kind.make(in_channels=maps.shape[1], num_classes=len(data.class_names))
    source = ArrayMaps(maps.permute(0, 2, 3, 1).numpy())
    targets = toy.ArrayTargets(labels[:, 2::4, 2::4])
    batches = cached_batches(source, targets, batch=kind.training.batch, seed=0)
    train_head(head, batches, kind.training.with_steps(60))
    maps, labels = first(data.test, 15)
    with torch.no_grad():
        guess = predict_labels(head.eval().cell_scores(maps), (448, 448)).numpy()
    largest = np.bincount(labels[labels >= 0]).max() / (labels >= 0).sum()
    accuracy = (guess == labels)[labels >= 0].mean()
    assert accuracy > largest + 0.2
