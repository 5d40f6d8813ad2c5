"""Copies are found, look-alikes are not, and a pair with two targets is only suspect."""

import io
from hashlib import blake2b
from importlib.resources import files

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from polyscale.data import load_rooms
from polyscale.data.duplicates import find_same_pictures
from polyscale.data.image import read_thumb
from polyscale.data.inspection_cache import ImageFacts, InspectionCache
from polyscale.data.listing import Listing

ROOMS = files("polyscale.data") / "rooms"


def encoded(image, form="BMP", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def facts(data):
    image_hw, thumb = read_thumb(data, name="x")
    return ImageFacts(blake2b(data, digest_size=16).digest(), image_hw, thumb.tobytes())


def listing(contents, targets=None):
    ids = tuple(str(i) for i in range(len(contents)))
    values = None if targets is None else np.asarray(targets)
    return Listing(ids, contents.__getitem__, values, [facts(data) for data in contents])


def find(train, test):
    """Pairs of indices."""
    contents = [encoded(image) for image in train]
    found, suspect = find_same_pictures(listing(contents), listing(test), InspectionCache(None))
    assert suspect == ()
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
    assert len(found) >= len(same) - 4


def test_copies_of_rooms_are_found():
    rooms = load_rooms().train
    images = [rooms.read(i) for i in range(0, len(rooms), 20)]
    found = find(images, [encoded(i.resize((300, 300)), "JPEG", quality=50) for i in images])
    same = {(i, i) for i in range(len(images))}
    assert set(found) <= same
    assert len(found) >= 0.95 * len(same)


def test_rooms_raise_no_false_alarm():
    """Every second image."""
    tables = [pq.read_table(ROOMS / f"{split}.parquet") for split in ("train", "test")]
    train, test = (
        listing([image["bytes"] for image in table["image"].to_pylist()[::2]]) for table in tables
    )
    assert find_same_pictures(train, test, InspectionCache(None)) == ((), ())


def test_different_photographs_raise_none(photographs):
    assert find(photographs[::2], [encoded(i) for i in photographs[1::2]]) == []


def part(scratches, seed):
    """A machine part in the same place as all others, with a scratch in one place of its own."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:256, :256]
    from_centre = np.hypot(rows - 128, columns - 128)
    pixels = np.select([from_centre < 20, from_centre < 60, from_centre < 100], [60, 200, 90], 170)
    for _ in range(scratches):
        angle = generator.uniform(0, 6.28)
        y, x = 128 + 40 * np.sin(angle), 128 + 40 * np.cos(angle)
        pixels = np.where(np.hypot(rows - y, columns - x) < 9, 120, pixels)
    noisy = pixels + generator.normal(0, 4, pixels.shape)
    return encoded(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).convert("RGB"), "PNG")


def test_aligned_parts_that_differ_in_one_place_are_no_copies():
    good, bad = [part(0, seed) for seed in range(3)], [part(2, seed) for seed in range(10, 16)]
    train, test = listing(good, [0, 0, 0]), listing(bad, [1] * 6)
    assert find_same_pictures(train, test, InspectionCache(None)) == ((), ())
    bad_train, bad_test = listing(bad[:3], [1] * 3), listing(bad[3:], [1] * 3)
    assert find_same_pictures(bad_train, bad_test, InspectionCache(None)) == ((), ())


def test_the_same_picture_with_another_target_is_suspect(photographs):
    pictures = [encoded(p) for p in photographs[:2]]
    copies = [encoded(p, "JPEG", quality=60) for p in photographs[:2]]
    found, suspect = find_same_pictures(
        listing(pictures, [0, 1]), listing(copies, [0, 0]), InspectionCache(None)
    )
    assert [(pair.train_id, pair.test_id) for pair in found] == [("0", "0")]
    assert [(pair.train_id, pair.test_id) for pair in suspect] == [("1", "1")]
    assert not suspect[0].same_bytes
    assert 0.75 < suspect[0].agreement < 1


def test_pixels_are_compared_once(photographs, tmp_path, monkeypatch):
    train = listing([encoded(p) for p in photographs[:3]])
    test = listing([encoded(p, "JPEG") for p in photographs[:3]])
    cache = InspectionCache(tmp_path)
    first = find_same_pictures(train, test, cache)
    assert len(first[0]) == 3
    monkeypatch.setattr("polyscale.data.duplicates.read_small", None)
    assert find_same_pictures(train, test, cache) == first
    cache.close()


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
    ((pair,), _) = find_same_pictures(listing(train), listing([data]), InspectionCache(None))
    assert (pair.train_id, pair.distance, pair.same_bytes) == ("2", 0, True)


def test_blocks_change_nothing(photographs, monkeypatch):
    copies = [COPIES["half"](i) for i in photographs]
    whole = find(photographs, copies)
    monkeypatch.setattr("polyscale.data.duplicates.BLOCK", 7)
    assert find(photographs, copies) == whole
