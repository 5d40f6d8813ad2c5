import pytest
import torch
import torch.nn.functional as F

from polyscale.heads.dense.linear import predict_labels, upsample


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
