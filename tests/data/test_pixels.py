"""Stored numbers come back as they are, and what cannot hold any is refused."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from tests.data.test_image import bomb, encoded

from polyscale.data.dataset import IGNORED
from polyscale.data.image import read_stored, read_thumb
from polyscale.data.pixels import DepthCoding, MaskCoding
from polyscale.decode import UnreadableImageError, read_image
from polyscale.errors import InputError

NUMBERS = np.array([[0, 1, 2], [3, 200, 255]], dtype=np.uint8)


def npy(values):
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def grey_png(bits, rows, width):
    """A PNG of few bits, which Pillow reads but does not write."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, len(rows), bits, 0, 0, 0, 0)
    lines = b"".join(b"\0" + row for row in rows)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def palette(numbers):
    image = Image.fromarray(numbers).convert("L")
    image.putpalette(np.random.default_rng(0).integers(0, 255, 768, dtype=np.uint8).tobytes())
    return image


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.fromarray(NUMBERS)),
        encoded(Image.fromarray(NUMBERS.astype(np.uint16))),
        encoded(palette(NUMBERS)),
        encoded(Image.fromarray(NUMBERS), "TIFF"),
        encoded(Image.fromarray(NUMBERS.astype(np.int32)), "TIFF"),
        npy(NUMBERS.astype(np.int64)),
        npy(NUMBERS[..., None]),
    ],
    ids=["png", "png16", "palette", "tiff", "tiff32", "npy", "npy with a channel"],
)
def test_numbers_are_kept(data):
    np.testing.assert_array_equal(read_stored(data, name="x", word="mask"), NUMBERS)


def test_grey_of_few_bits_is_not_stretched_to_255():
    two = grey_png(2, [bytes([0b00_01_10_11])], 4)
    four = grey_png(4, [bytes([0x01, 0x2F])], 4)
    one = encoded(Image.fromarray(np.array([[0, 1, 1, 0]], bool)))
    for data, numbers in ((two, [0, 1, 2, 3]), (four, [0, 1, 2, 15]), (one, [0, 1, 1, 0])):
        assert read_stored(data, name="x", word="mask").tolist() == [numbers]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (encoded(Image.new("RGB", (9, 9))), r"mask a.png must hold one number .* colours \(RGB\)"),
        (
            encoded(Image.new("RGBA", (9, 9))),
            r"colours \(RGBA\). Replace each colour by the number",
        ),
        (encoded(Image.new("LA", (9, 9))), r"colours \(LA\)"),
        (encoded(Image.new("L", (9, 9)), "JPEG"), "is JPEG, which does not keep values"),
        (encoded(palette(NUMBERS), "GIF"), "is GIF, which does not keep values"),
        (npy(np.zeros((4, 5, 3))), r"an array of numbers, height × width, but has shape \(4, 5, 3"),
        (npy(np.zeros((4, 5), complex)), "type complex128"),
    ],
)
def test_what_holds_no_numbers(data, message):
    with pytest.raises(InputError, match=message):
        read_stored(data, name="a.png", word="mask")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encoded(Image.fromarray(NUMBERS))[:50], "."),
        (b"hello", "no image format"),
        (bomb(), "megapixels"),
        (npy(np.array([{"a": 1}], dtype=object)), "allow_pickle=False"),
        (npy(NUMBERS)[:-2], "."),
    ],
)
def test_broken_files(data, reason):
    with pytest.raises(UnreadableImageError, match=reason):
        read_stored(data, name="x", word="mask")


def test_masks_number_their_values():
    labels = MaskCoding((1, 2, 3, 200), frozenset({0, 2})).read(npy(NUMBERS), "x")
    assert labels.dtype == np.int16
    assert labels.tolist() == [[IGNORED, 0, IGNORED], [2, 3, IGNORED]]
    wide = NUMBERS.astype(np.int32)  # no table of all values there
    np.testing.assert_array_equal(
        MaskCoding((1, 2, 3, 200), frozenset({0, 2})).read(npy(wide), "x"), labels
    )


def test_depth_is_metres_and_unknown_is_nan():
    stored = np.array([[0, 1234, 65535]], dtype=np.uint16)
    metres = DepthCoding().read(encoded(Image.fromarray(stored)), "x")
    assert metres.dtype == np.float32
    np.testing.assert_allclose(metres, [[np.nan, 1.234, 65.535]], rtol=1e-6)
    floats = np.array([[np.nan, np.inf, -np.inf], [-1, 0, 2.5]])
    expected = [[np.nan] * 3, [np.nan, np.nan, 2.5]]
    np.testing.assert_array_equal(DepthCoding().read(npy(floats), "x"), expected)
    tiff = encoded(Image.fromarray(floats.astype(np.float32)), "TIFF")
    np.testing.assert_array_equal(DepthCoding().read(tiff, "x"), expected)
    kitti = DepthCoding(per_metre=256).read(npy(np.array([[512]], np.uint16)), "x")
    assert kitti.tolist() == [[2.0]]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("size", [(48, 40), (640, 400)])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_size_that_is_looked_up_is_that_of_the_image(form, size, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.new("RGB", size), form, exif=exif)
    image_hw, _ = read_thumb(data, name="x")
    assert image_hw == read_image(data, name="x").size[::-1]
    assert image_hw == (size if orientation > 4 else size[::-1])


def test_masks_are_turned_upright_as_images_are():
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its left side
    lying = encoded(palette(np.rot90(NUMBERS)), exif=exif)
    np.testing.assert_array_equal(read_stored(lying, name="x", word="mask"), NUMBERS)
