import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from polyscale.data.image import image_endings, read_thumb
from polyscale.decode import read_image
from polyscale.errors import InputError


def encoded(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def bomb(side=100_000):
    """A PNG of a hundred bytes whose header asks for a huge canvas."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1", "CMYK", "LA"])
def test_modes_become_rgb(mode):
    form = "TIFF" if mode == "CMYK" else "PNG"
    image = read_image(encoded(Image.new(mode, (5, 4)), form), name="x")
    assert (image.mode, image.size) == ("RGB", (5, 4))


def test_16_bit_grey_is_scaled_not_clipped():
    grey = Image.fromarray(np.array([[0, 32896, 65535]], dtype=np.uint16))
    pixels = np.asarray(read_image(encoded(grey), name="x"))
    assert pixels[0, :, 0].tolist() == [0, 128, 255]


def test_orientation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.new("RGB", (5, 4)), "JPEG", exif=exif)
    assert read_image(data, name="x").size == (4, 5)


@pytest.mark.parametrize("read", [read_image, read_thumb])
def test_decompression_bomb(read):
    with pytest.raises(
        InputError,
        match=r"image cats/1.png cannot be read \(its header says more than 89 megapixels",
    ):
        read(bomb(), name="cats/1.png")


@pytest.mark.parametrize("side", [10_000, 13_000])
def test_bomb_between_pillows_warning_and_its_error(side):
    with pytest.raises(InputError, match="decompression bombs"):
        read_image(bomb(side), name="x")


@pytest.mark.parametrize("data", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
@pytest.mark.parametrize("read", [read_image, read_thumb])
def test_no_image(read, data):
    with pytest.raises(InputError, match=r"image dogs/2.jpg cannot be read"):
        read(data, name="dogs/2.jpg")


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_truncated_image(form):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), form)
    with pytest.raises(InputError, match="cannot be read.*Repair it or take it out"):
        read_image(data[: len(data) // 2], name="x")


def test_postscript_is_not_run(monkeypatch, tmp_path):
    """Pillow would start Ghostscript for it."""
    import subprocess

    monkeypatch.setattr(subprocess, "check_call", lambda *a, **k: pytest.fail("a program started"))
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    for read in (read_image, read_thumb):
        with pytest.raises(InputError, match="cannot be read"):
            read(data, name="x.jpg")


def test_endings():
    assert {".jpg", ".jpeg", ".png", ".webp", ".tif", ".gif", ".bmp"} <= image_endings()
    assert not {".eps", ".ps", ".pdf", ".h5", ".mpg"} & image_endings()


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_image(tmp_path / "none.png", name="none.png")


@pytest.mark.parametrize(
    ("min_side", "size"),
    [(None, (1280, 853)), (300, (1280, 853)), (200, (640, 427)), (50, (160, 107))],
)
def test_large_jpegs_are_decoded_smaller_but_large_enough(photograph, min_side, size):
    large = encoded(photograph.resize((1280, 853)), "JPEG", quality=95)
    image = read_image(large, name="x", min_side=min_side)
    assert image.size == size
    small = [
        np.asarray(i.resize((48, 32), Image.Resampling.BICUBIC), float) for i in (image, photograph)
    ]
    assert np.abs(small[0] - small[1]).mean() < 2


def test_other_formats_come_back_whole(photograph):
    assert read_image(encoded(photograph), name="x", min_side=16).size == photograph.size


def test_a_thumbnail_is_upright(photograph):
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    turned = encoded(photograph.rotate(180), "JPEG", quality=95, exif=exif)
    stored_hw, thumb = read_thumb(turned, name="x")
    assert stored_hw == photograph.size[::-1]
    expected = read_thumb(encoded(photograph), name="x")[1]
    assert np.abs(thumb.astype(float) - expected).mean() < 3
