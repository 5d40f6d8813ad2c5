"""Copies are found, look-alikes are not."""

import io
from hashlib import blake2b
from importlib.resources import files

import pyarrow.parquet as pq
import pytest
from PIL import Image

from polyscale.data import load_rooms
from polyscale.data.duplicates import find_near_duplicates
from polyscale.data.image import read_thumb
from polyscale.data.inspection_cache import ImageFacts

ROOMS = files("polyscale.data") / "rooms"


def encoded(image, form="BMP", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def facts(data):
    image_hw, thumb = read_thumb(data, name="x")
    return ImageFacts(blake2b(data, digest_size=16).digest(), image_hw, thumb.tobytes())


def find(train, test):
    """Pairs of indices."""
    found = find_near_duplicates(
        {str(i): facts(encoded(image)) for i, image in enumerate(train)},
        {str(i): facts(data) for i, data in enumerate(test)},
    )
    return [(int(d.train_id), int(d.test_id)) for d in found]


COPIES = {
    "jpeg 30": lambda i: encoded(i, "JPEG", quality=30),
    "webp": lambda i: encoded(i, "WEBP", quality=50),
    "half": lambda i: encoded(i.resize((i.width // 2, i.height // 2)), "JPEG"),
    "96 px": lambda i: encoded(i.resize((96, 96 * i.height // i.width)), "JPEG"),
    "square": lambda i: encoded(i.resize((224, 224))),
    "brighter": lambda i: encoded(i.point(lambda value: min(255, int(value * 1.2)))),
    "grey": lambda i: encoded(i.convert("L")),
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_copies_of_photographs_are_found(photographs, copy):
    """Each is paired with its own, among others that look alike; three of 45 are flat."""
    found = find(photographs, [copy(i) for i in photographs])
    same = [(i, i) for i in range(len(photographs))]
    assert set(found) <= set(same)
    assert len(found) >= len(same) - 3


def test_copies_of_rooms_are_found():
    rooms = load_rooms().train
    images = [rooms.read(i) for i in range(0, len(rooms), 20)]
    found = find(images, [encoded(i.resize((300, 300)), "JPEG", quality=50) for i in images])
    same = {(i, i) for i in range(len(images))}
    assert set(found) <= same
    assert len(found) >= 0.95 * len(same)


def test_rooms_raise_no_false_alarm():
    """Every second image; all 480 × 240 pairs were looked at once."""
    tables = [pq.read_table(ROOMS / f"{split}.parquet") for split in ("train", "test")]
    train, test = (
        {str(i): facts(image["bytes"]) for i, image in enumerate(table["image"].to_pylist()[::2])}
        for table in tables
    )
    assert find_near_duplicates(train, test) == ()


def test_different_photographs_raise_none(photographs):
    assert find(photographs[::2], [encoded(i) for i in photographs[1::2]]) == []


def test_flat_and_tiny_images_count_by_their_bytes_alone():
    flat = Image.new("RGB", (64, 64), (250, 250, 250))
    assert find([flat], [encoded(flat)]) == [(0, 0)]
    assert find([flat], [encoded(flat, "PNG")]) == []
    digit = Image.linear_gradient("L").rotate(45).resize((28, 28))
    assert find([digit], [encoded(digit, "PNG")]) == []


def test_the_nearest_is_named(photographs):
    a = photographs[0]
    data = encoded(a, "JPEG", quality=90)
    train = [encoded(a, "JPEG", quality=5), encoded(photographs[1]), data]
    (pair,) = find_near_duplicates(
        {name: facts(own) for name, own in zip("abc", train, strict=True)}, {"d": facts(data)}
    )
    assert (pair.train_id, pair.distance, pair.same_bytes) == ("c", 0, True)


def test_blocks_change_nothing(photographs, monkeypatch):
    copies = [COPIES["half"](i) for i in photographs]
    whole = find(photographs, copies)
    monkeypatch.setattr("polyscale.data.duplicates.BLOCK", 7)
    assert find(photographs, copies) == whole
