import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import ExifTags, Image

import polyscale
from polyscale.errors import InputError
from polyscale.operator.multiscale import MultiScale, Picture
from polyscale.operator.multiscale.resize import resample

HALVES = {"mean": (0.5,) * 3, "std": (0.25,) * 3}
PLAIN = {"mean": (0.0,) * 3, "std": (1.0,) * 3}


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (90, 61, 3), dtype=np.uint8)


@pytest.mark.parametrize("level_hw", [(30, 30), (90, 61), (200, 150), (91, 20), (20, 100), (7, 5)])
def test_a_box_is_the_crop_of_the_resized_whole(pixels, level_hw):
    antialias = level_hw[0] < 90 or level_hw[1] < 61
    whole = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    expected = F.interpolate(whole, level_hw, mode="bicubic", antialias=antialias)[0]

    def read(box):
        return whole[0, :, box[0] : box[2], box[1] : box[3]]

    height, width = level_hw
    for box in [(0, 0, height, width), (height // 3, width // 4, height // 2 + 1, width)]:
        result = resample(read, (90, 61), level_hw, box)
        crop = expected[:, box[0] : box[2], box[1] : box[3]]
        # of 255; torch rounds the kernel's weights to float32 earlier
        torch.testing.assert_close(result, crop, rtol=0, atol=0.05)


def test_only_the_needed_part_is_read(pixels):
    parts = []

    image = torch.from_numpy(pixels).permute(2, 0, 1).float()

    def read(box):
        top, left, bottom, right = box
        parts.append((bottom - top, right - left))
        return image[:, top:bottom, left:right]

    resample(read, (90, 61), (180, 122), (0, 0, 20, 20))
    assert max(h for h, _ in parts) <= 16
    assert max(w for _, w in parts) <= 16


def test_pictures_give_the_features_of_tensors(pixels, tiny_backbone, tmp_path):
    module = MultiScale(tiny_backbone(), (1, 2, 3))
    tensor = (torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255 - 0.5) / 0.25
    expected = module(tensor)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    for picture in (pixels, Image.fromarray(pixels), tmp_path / "a.png", str(tmp_path / "a.png")):
        result = module(module.preprocess([picture]))
        # the first scale is smaller than the picture, so that its pixels are rounded to 8 bits
        for scale, atol in enumerate((0.01, 5e-4, 5e-4)):
            close = {"rtol": 0, "atol": atol}
            torch.testing.assert_close(
                result.scales[scale].map, expected.scales[scale].map, **close
            )
        assert torch.equal(module(module.preprocess(picture)).tokens, result.tokens)


@pytest.mark.parametrize("aspect", ["squash", "keep", "pad", "slide"])
@pytest.mark.parametrize("source", ["native", "base"])
def test_in_every_mode(pixels, aspect, source, tiny_backbone):
    module = MultiScale(tiny_backbone(), (1, 2), aspect=aspect, source=source)
    tensor = (torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255 - 0.5) / 0.25
    result = module(module.preprocess([pixels, pixels])).tokens
    torch.testing.assert_close(result[1:], module(tensor).tokens, rtol=0, atol=0.01)


def test_a_memory_map_stays_on_disk(tmp_path, tiny_backbone):
    big = np.memmap(tmp_path / "big", dtype=np.uint8, mode="w+", shape=(3000, 3000, 3))
    big[1000:2000] = 200
    features = MultiScale(tiny_backbone(), (1, 2))([Picture(big, **HALVES)])
    assert torch.isfinite(features.map).all()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 3)), "must be 8-bit of shape .* but got float64"),
        (np.zeros((4, 4, 5), np.uint8), "must have 3 channels, .* but has 5"),
        (np.zeros((4, 4), np.uint8), r"but got uint8 of shape \(4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), r"shape \(0, 4, 3\)"),
        (Image.new("I", (4, 4)), "mode is 'I', whose values have no fixed range"),
        (Image.new("F", (4, 4)), "mode is 'F', whose values have no fixed range"),
        (3, "must be a PIL image, an 8-bit array or a path, but got int"),
    ],
)
def test_bad_pictures(image, message):
    with pytest.raises(InputError, match=message):
        Picture(image, **HALVES)


def test_files_that_are_no_pictures(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="does not exist"):
        Picture(tmp_path / "nowhere.png", **HALVES)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InputError, match="cannot be read"):
        Picture(tmp_path / "text.png", **HALVES)
    Image.new("RGB", (40, 40)).save(tmp_path / "big.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "big.png").read_bytes()[:60])
    with pytest.raises(InputError, match="cannot be read"):
        Picture(tmp_path / "cut.png", **HALVES)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert Picture(tmp_path / "big.png", **HALVES).image_hw == (40, 40)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(InputError, match="decompression bomb"):
        Picture(tmp_path / "big.png", **HALVES)


def test_a_photo_is_turned_upright(pixels, tmp_path):
    """As `compare` reads it: files and PIL images alike."""
    lying = Image.fromarray(pixels)
    exif = lying.getexif()
    exif[ExifTags.Base.Orientation] = 6  # to be turned by 90° clockwise
    lying.save(tmp_path / "lying.png", exif=exif)
    expected = Picture(np.rot90(pixels, 3).copy(), **HALVES).box((61, 90), (0, 0, 61, 90))
    with Image.open(tmp_path / "lying.png") as opened:
        for image in (tmp_path / "lying.png", opened):
            picture = Picture(image, **HALVES)
            assert picture.image_hw == (61, 90)
            assert torch.equal(picture.box((61, 90), (0, 0, 61, 90)), expected)


def test_sixteen_bits_are_scaled(tmp_path):
    grey = np.array([[0, 257 * 100], [257 * 200, 65535]], np.uint16)
    Image.fromarray(grey).save(tmp_path / "deep.png")
    values = Picture(tmp_path / "deep.png", **PLAIN).box((2, 2), (0, 0, 2, 2))
    torch.testing.assert_close(values[0, 0] * 255, torch.tensor([[0.0, 100], [200, 255]]))


@pytest.mark.parametrize("level_hw", [(30, 30), (89, 61), (90, 20)])
def test_a_smaller_level_is_resized_as_pillow_does_it(pixels, level_hw):
    resized = Image.fromarray(pixels).resize(level_hw[::-1], Image.Resampling.BICUBIC)
    expected = torch.from_numpy(np.array(resized)).permute(2, 0, 1)[None].float()
    found = Picture(pixels, **PLAIN).box(level_hw, (0, 0, *level_hw)) * 255
    torch.testing.assert_close(found, expected, rtol=0, atol=1.001)


def test_what_cannot_be_written_to_gives_the_same(pixels, monkeypatch):
    monkeypatch.setattr("polyscale.operator.multiscale.resize.STRIP", 17)
    frozen = pixels.copy()
    frozen.flags.writeable = False
    flipped = pixels[:, ::-1, ::-1].copy()[:, ::-1, ::-1]  # as OpenCV users swap channels
    for level_hw in [(40, 40), (90, 61), (200, 100)]:
        box = (3, 5, 33, 39)
        expected = Picture(pixels, **HALVES).box(level_hw, box)
        for same in (frozen, flipped):
            assert torch.equal(Picture(same, **HALVES).box(level_hw, box), expected)


def test_unknown_mean_and_std_are_asked_for():
    module = polyscale.wrap(torch.nn.Conv2d(3, 4, 8, 8), (1, 2), tile_hw=(32, 32))
    with pytest.raises(InputError, match="the mean and std of Conv2d must be known .* mean=…"):
        module.preprocess  # noqa: B018


def test_any_number_of_channels(tiny_backbone):
    bands = np.random.default_rng(0).integers(0, 256, (50, 40, 5), dtype=np.uint8)
    mean, std = (0.1, 0.2, 0.3, 0.4, 0.5), (1.0, 0.9, 0.8, 0.7, 0.6)
    module = polyscale.wrap(
        torch.nn.Conv2d(5, 4, 8, 8), (1, 2), tile_hw=(32, 32), mean=mean, std=std
    )
    tensor = torch.from_numpy(bands).permute(2, 0, 1) / 255 - torch.tensor(mean)[:, None, None]
    tensor /= torch.tensor(std)[:, None, None]
    found, expected = module(module.preprocess(bands)), module(tensor[None])
    torch.testing.assert_close(found.tokens, expected.tokens, rtol=0, atol=0.02)


def test_workers_of_a_data_loader_prepare_pictures_without_the_model(tiny_backbone, tmp_path):
    module = MultiScale(tiny_backbone(), (1, 2))
    assert len(pickle.dumps(module.preprocess)) < 500
    paths = []
    for i in range(3):
        paths.append(tmp_path / f"{i}.png")
        Image.new("RGB", (40 + i, 50), (80 * i, 0, 90)).save(paths[-1])
    worker = pickle.loads(pickle.dumps(module.preprocess))  # noqa: S301
    batch = pickle.loads(pickle.dumps(worker(paths)))  # noqa: S301
    assert torch.equal(module(batch).tokens, module(module.preprocess(paths)).tokens)
