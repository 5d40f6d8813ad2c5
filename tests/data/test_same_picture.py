import io

import pytest
from PIL import Image

from polyscale.data.same_picture import MIN_AGREEMENT, agreement, read_small
from polyscale.decode import UnreadableImageError


def small(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return read_small(buffer.getvalue(), name="x")


@pytest.fixture
def photo(photograph):
    return photograph.resize((300, 200))


def test_a_picture_agrees_with_itself_and_with_a_crop(photo):
    whole = small(photo)
    assert whole.shape == (128, 128)
    assert agreement(whole, whole) == pytest.approx(1, abs=1e-3)
    assert agreement(whole, small(photo.crop((4, 3, 296, 198)))) > MIN_AGREEMENT


def test_one_different_place_decides(photo):
    changed = photo.copy()
    changed.paste(photo.crop((0, 0, 30, 30)).rotate(90), (150, 100))
    found = agreement(small(photo), small(changed))
    assert found < MIN_AGREEMENT
    assert agreement(small(changed), small(photo)) < MIN_AGREEMENT


def test_where_there_is_nothing_to_see_nothing_is_said():
    grey = small(Image.new("L", (64, 64), 128))
    assert agreement(grey, grey) is None


def test_a_broken_file_is_named():
    with pytest.raises(UnreadableImageError, match="x cannot be read"):
        read_small(b"no image", name="x")
