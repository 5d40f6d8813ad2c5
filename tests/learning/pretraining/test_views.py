import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from polyscale.learning.pretraining.model import build_backbone
from polyscale.learning.pretraining.views import draw_box, image_batches, make_view, to_tensor
from polyscale.learning.training import Processes


@pytest.fixture(scope="module")
def picture():
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    areas=st.sampled_from([(0.08, 1.0), (0.4, 1.0), (0.05, 0.4), (1.0, 1.0)]),
    seed=st.integers(0, 99),
)
def test_boxes_lie_within_the_picture(height, width, areas, seed):
    top, left, h, w = draw_box((height, width), areas, np.random.default_rng(seed))
    assert 0 <= top <= top + h <= height
    assert 0 <= left <= left + w <= width
    assert h > 0
    assert w > 0


def test_boxes_have_the_areas_and_reach_everywhere():
    generator = np.random.default_rng(0)
    boxes = np.array([draw_box((100, 100), (0.05, 0.4), generator) for _ in range(500)])
    shares = boxes[:, 2] * boxes[:, 3] / 1e4
    assert 0.045 < shares.min() < 0.07
    assert 0.37 < shares.max() < 0.42
    assert boxes[:, :2].min() == 0
    assert (boxes[:, :2] + boxes[:, 2:]).max() == 100


def test_without_augmentation_a_picture_of_the_size_stays_as_it_is(picture):
    same = make_view(picture, (0.1, 1), (40, 60), "none", np.random.default_rng(0))
    np.testing.assert_array_equal(same, picture)


@pytest.mark.parametrize("augmentation", ["crop", "colour"])
def test_views_follow_the_generator(picture, augmentation):
    first, again, other = (
        np.asarray(
            make_view(picture, (0.1, 0.5), (32, 32), augmentation, np.random.default_rng(seed))
        )
        for seed in (0, 0, 1)
    )
    assert first.shape == (32, 32, 3)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_grey_pictures_come_back_exactly():
    grey = np.arange(28 * 28, dtype=np.uint8).reshape(28, 28)
    rgb = Image.fromarray(grey).convert("RGB")  # as data sources give them
    np.testing.assert_array_equal(to_tensor(rgb, 1)[0], grey)
    assert to_tensor(rgb, 3).shape == (3, 28, 28)


class Some(Processes):
    """One of several processes, as far as batches are concerned."""

    def __init__(self, rank, count):
        super().__init__(torch.device("cpu"))
        object.__setattr__(self, "place", (rank, count))

    rank = property(lambda self: self.place[0])
    count = property(lambda self: self.place[1])


def test_processes_share_a_batch_and_its_views(settings, data):
    chosen = settings(batch=8)
    backbone = build_backbone(chosen)

    def batch(processes):
        return image_batches(data, chosen, [(0.1, 1), (0.1, 1)], backbone, (32, 32), processes)(3)

    whole, first, second = (batch(Some(*place)) for place in ((0, 1), (0, 2), (1, 2)))
    assert whole.step == 3
    assert whole.views.shape == (8, 2, 3, 32, 32)
    assert not torch.equal(whole.views[:, 0], whole.views[:, 1])
    assert torch.equal(whole.views, torch.cat([first.views, second.views]))
    assert torch.equal(whole.labels, torch.cat([first.labels, second.labels]))
    assert whole.views.abs().max() <= 1  # 0…255 with mean and std 0.5
    with pytest.raises(ValueError, match="batch must be a multiple of the 3 processes, but got 8"):
        batch(Some(0, 3))
