"""Pictures that are kept in memory are those that would be decoded."""

import io
from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

from polyscale.decode import read_image
from polyscale.features import pictures
from polyscale.features.pictures import remembered

SIZES = (
    *((1344, 1344), (900, 1800), (1795, 1300), (3600, 3589), (447, 500), (40, 30)),
    *((2 * side + rest, 2500) for side in (448, 480) for rest in (-1, 0, 1)),
    *((4 * side + rest, 2500) for side in (448, 480) for rest in (-1, 0, 1)),
)
SIDES = (448, 480, 128, None, 224, 448)


@dataclass
class Pictures:
    """Grey JPEGs of some sizes, which note what is read."""

    sizes: tuple = SIZES
    fingerprint: str = "grey"
    noted: list = field(default_factory=list)

    def __post_init__(self):
        self.files = []
        for size in self.sizes:
            content = io.BytesIO()
            shade = np.linspace(0, 255, size[0] * size[1]).reshape(size[::-1]).astype(np.uint8)
            Image.fromarray(shade).save(content, "JPEG")
            self.files.append(content.getvalue())

    def __len__(self):
        return len(self.files)

    def read(self, index, min_side=None):
        self.noted.append((index, min_side))
        return read_image(self.files[index], name=str(index), min_side=min_side)


@pytest.fixture(scope="module")
def images():
    return Pictures()


@pytest.mark.parametrize("first", SIDES[:5])
def test_every_side_gets_the_pixels_that_it_would_get(images, first):
    (kept,) = remembered(images)
    assert (len(kept), kept.fingerprint) == (len(images), images.fingerprint)
    for index in range(len(images)):
        for side in (first, *SIDES):
            assert kept.read(index, min_side=side) == images.read(index, min_side=side)


def test_neighbouring_models_decode_a_picture_once():
    images = Pictures(((1344, 1344), (640, 480)))
    (kept,) = remembered(images)
    for side in (448, 480, 448):
        for index in range(2):
            kept.read(index, min_side=side)
    assert images.noted == [(0, 448), (1, 448)]


def test_what_does_not_fit_is_decoded_again(monkeypatch):
    monkeypatch.setattr(pictures, "free_bytes", lambda _: 4 * 4 * (100 * 100 + 50))
    train, test = Pictures(((100, 100),) * 2), Pictures(((90, 90),))
    splits = remembered(train, test)
    for kept in splits * 2:
        for index in range(len(kept)):
            kept.read(index, min_side=64)
    assert train.noted == [(0, 64), (1, 64), (1, 64)]
    assert test.noted == [(0, 64), (0, 64)]
