import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from polyscale.errors import InputError
from polyscale.learning.heads.dense.views import View, ViewSettings, cut, merge_scores, views_of

SIDES = st.integers(1, 60)
SETTINGS = st.builds(
    ViewSettings,
    windows=st.sampled_from(["whole", "slide"]),
    overlap=st.floats(0, 0.9),
    flip=st.booleans(),
)


@given(height=SIDES, width=SIDES, settings=SETTINGS)
def test_squares_cover_the_image_and_overlap(height, width, settings):
    views = views_of((height, width), settings)
    seen = np.zeros((height, width), int)
    boxes = list(dict.fromkeys(v.box_yxyx for v in views))
    for top, left, bottom, right in boxes:
        assert 0 <= top < bottom <= height
        assert 0 <= left < right <= width
        seen[top:bottom, left:right] += 1
    assert (seen > 0).all()
    assert [v.flipped for v in views] == [False, True][: 1 + settings.flip] * len(boxes)
    if settings.windows == "whole":
        assert boxes == [(0, 0, height, width)]
        return
    side = min(height, width)
    assert all((b - t, r - l) == (side, side) for t, l, b, r in boxes)  # noqa: E741
    starts = [max(top, left) for top, left, _, _ in boxes]
    most = max(1.0, side * (1 - settings.overlap) + 1e-6)
    assert all(0 < gap <= most for gap in np.diff(starts))


@given(height=SIDES, width=SIDES, settings=SETTINGS)
def test_views_of_an_image_merge_into_it(height, width, settings):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    image = Image.fromarray(pixels)
    views = views_of((height, width), settings)
    scores = [torch.from_numpy(np.array(cut(image, v))).permute(2, 0, 1).float() for v in views]
    merged = merge_scores((height, width), views, scores)
    np.testing.assert_allclose(merged.permute(1, 2, 0), pixels, rtol=1e-6)


def test_the_windows_of_nyu():
    """480 × 640 with two thirds of a step: 0 and 160, as VPD slides over it."""
    views = views_of((480, 640), ViewSettings(windows="slide", flip=True))
    assert views == tuple(
        View(box, flipped)
        for box in ((0, 0, 480, 480), (0, 160, 480, 640))
        for flipped in (False, True)
    )


def test_pixels_in_two_views_are_averaged():
    views = views_of((2, 3), ViewSettings(windows="slide", overlap=0))
    scores = [torch.full((1, 2, 2), 1.0), torch.full((1, 2, 2), 3.0)]
    expected = torch.tensor([[[1.0, 2.0, 3.0]] * 2])
    torch.testing.assert_close(merge_scores((2, 3), views, scores), expected)


@pytest.mark.parametrize(
    "options",
    [{"overlap": 1.0}, {"overlap": -0.1}, {"overlap": None}, {"windows": "tiles"}],
)
def test_settings_that_make_no_sense(options):
    with pytest.raises(InputError, match=f"{next(iter(options))} must be"):
        ViewSettings(**options)
