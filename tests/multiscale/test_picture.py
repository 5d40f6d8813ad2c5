import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from polyscale.errors import InputError
from polyscale.multiscale import MultiScale, Picture
from polyscale.multiscale.resample import resample_box


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (90, 61, 3), dtype=np.uint8)


@pytest.mark.parametrize("level_hw", [(30, 30), (90, 61), (200, 150), (91, 20), (20, 100), (7, 5)])
def test_a_box_is_the_crop_of_the_resized_whole(pixels, level_hw):
    antialias = level_hw[0] < 90 or level_hw[1] < 61
    whole = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    expected = F.interpolate(whole, level_hw, mode="bicubic", antialias=antialias)[0]

    def read(top, bottom, left, right):
        return pixels[top:bottom, left:right]

    height, width = level_hw
    for box in [(0, 0, height, width), (height // 3, width // 4, height // 2 + 1, width)]:
        result = resample_box(read, (90, 61), level_hw, box)
        crop = expected[:, box[0] : box[2], box[1] : box[3]]
        # of 255; torch rounds the kernel's weights to float32 earlier
        torch.testing.assert_close(result, crop, rtol=0, atol=0.05)


def test_only_the_needed_part_is_read(pixels):
    parts = []

    def read(top, bottom, left, right):
        parts.append((bottom - top, right - left))
        return pixels[top:bottom, left:right]

    resample_box(read, (90, 61), (180, 122), (0, 0, 20, 20))
    assert max(h for h, _ in parts) <= 16
    assert max(w for _, w in parts) <= 16


def test_pictures_give_the_features_of_tensors(pixels, tiny_backbone, tmp_path):
    module = MultiScale(tiny_backbone(), (1, 2, 3))
    tensor = (torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255 - 0.5) / 0.25
    expected = module(tensor).tokens
    Image.fromarray(pixels).save(tmp_path / "a.png")
    for picture in (pixels, Image.fromarray(pixels), tmp_path / "a.png", str(tmp_path / "a.png")):
        result = module(module.preprocess([picture])).tokens
        torch.testing.assert_close(result, expected, rtol=0, atol=5e-4)
        assert torch.equal(module(module.preprocess(picture)).tokens, result)


@pytest.mark.parametrize("aspect", ["squash", "keep", "pad"])
@pytest.mark.parametrize("source", ["native", "base"])
def test_in_every_mode(pixels, aspect, source, tiny_backbone):
    module = MultiScale(tiny_backbone(), (1, 2), aspect=aspect, source=source)
    tensor = (torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255 - 0.5) / 0.25
    result = module(module.preprocess([pixels, pixels])).tokens
    torch.testing.assert_close(result[1:], module(tensor).tokens, rtol=0, atol=1e-3)


def test_a_memory_map_stays_on_disk(tmp_path, tiny_backbone):
    big = np.memmap(tmp_path / "big", dtype=np.uint8, mode="w+", shape=(3000, 3000, 3))
    big[1000:2000] = 200
    features = MultiScale(tiny_backbone(), (1, 2))([Picture(big)])
    assert torch.isfinite(features.map).all()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 3)), "must be 8-bit RGB .* but got float64"),
        (np.zeros((4, 4), np.uint8), r"but got uint8 of shape \(4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), r"shape \(0, 4, 3\)"),
        (3, "must be a PIL image, an 8-bit array or a path, but got int"),
    ],
)
def test_bad_pictures(image, message):
    with pytest.raises(InputError, match=message):
        Picture(image)


def test_files_that_are_no_pictures(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="does not exist"):
        Picture(tmp_path / "nowhere.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InputError, match="one that Pillow reads"):
        Picture(tmp_path / "text.png")
    Image.new("RGB", (40, 40)).save(tmp_path / "big.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "big.png").read_bytes()[:60])
    with pytest.raises(InputError, match="one that Pillow reads"):
        Picture(tmp_path / "cut.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert Picture(tmp_path / "big.png").image_hw == (40, 40)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(InputError, match="decompression bomb"):
        Picture(tmp_path / "big.png")
