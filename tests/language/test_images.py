"""What each image mode does to a picture of 3:2."""

import numpy as np
import pytest
import torch
from PIL import Image

from polyscale.errors import InputError
from polyscale.language import S2VisionConfig
from polyscale.language.images import check_image_processor, make_image_processor

MEAN, STD = (0.5,) * 3, (0.25,) * 3


@pytest.fixture
def processed(tiny_clip):
    """The picture after the processor of a mode, as values from 0 to 1."""

    def process(mode, pictures, **options):
        config = S2VisionConfig(
            backbone_config=tiny_clip.config, scales=[1, 2], image_mode=mode, **options
        )
        processor = make_image_processor(config, mean=MEAN, std=STD)
        batch = processor(pictures, return_tensors="pt")
        return batch, batch["pixel_values"] * 0.25 + 0.5

    return process


def ramp(width=96, height=64):
    """Red grows from left to right, from 0 to 1; green from top to bottom."""
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([across, down, across * 0], axis=-1).round().astype(np.uint8))


def ends(channel):
    """Values at the left and right edge of the middle row, and the top and bottom of the column."""
    height, width = channel.shape
    row, column = channel[height // 2], channel[:, width // 2]
    return torch.stack([row[0], row[-1], column[0], column[-1]])


def close(values, expected):
    torch.testing.assert_close(values, torch.tensor(expected), rtol=0, atol=0.03)


def test_crop_cuts_off_a_sixth_on_each_side(processed):
    (image,) = processed("crop", [ramp()])[1]
    assert image.shape == (3, 64, 64)
    close(ends(image[0])[:2], [1 / 6, 5 / 6])
    close(ends(image[1])[2:], [0.0, 1.0])


def test_pad_adds_a_sixth_of_mean_colour_above_and_below(processed):
    (image,) = processed("pad", [ramp()])[1]
    assert image.shape == (3, 64, 64)
    close(ends(image[0])[:2], [0.0, 1.0])
    is_mean = ((image - 0.5).abs() < 0.01).all(dim=0).all(dim=1)
    # the middle two thirds of 64 rows, but for the rows that resizing blurs
    assert is_mean[:9].all()
    assert is_mean[-9:].all()
    assert not is_mean[11:-11].any()
    close(image[1, [12, 51], 32], [0.03, 0.97])


def test_squash_shows_everything_distorted(processed):
    (image,) = processed("squash", [ramp()])[1]
    assert image.shape == (3, 64, 64)
    close(ends(image[0])[:2], [0.0, 1.0])
    close(ends(image[1])[2:], [0.0, 1.0])


def test_keep_shows_everything_undistorted(processed):
    batch, images = processed("keep", [ramp(), ramp(64, 128)])
    assert batch["image_sizes"].tolist() == [[64, 96], [128, 64]]
    assert images.shape == (2, 3, 128, 96)
    close(ends(images[0, 0, :64])[:2], [0.0, 1.0])
    close(ends(images[1, 1, :, :64])[2:], [0.0, 1.0])
    # what fills the batch is 0 after normalisation
    assert not batch["pixel_values"][0, :, 64:].any()


def test_dynamic_resizes_to_whole_tiles(processed):
    batch, images = processed("dynamic", [ramp(), ramp(20, 20)])
    assert batch["image_sizes"].tolist() == [[64, 64], [64, 64]]
    close(ends(images[0, 0])[:2], [0.0, 1.0])
    batch, _ = processed("dynamic", [ramp(), ramp(20, 20)], skip_enlarged=True)
    assert batch["image_sizes"].tolist() == [[64, 64], [32, 32]]


def test_tensors_and_single_pictures_are_taken(processed):
    array = np.array(ramp())
    for mode in ("crop", "keep"):
        one, many = (processed(mode, given)[1] for given in (array, [ramp()]))
        torch.testing.assert_close(one, many)


@pytest.mark.parametrize(
    ("mode", "settings", "message"),
    [
        ("crop", {"crop_size": {"height": 32, "width": 32}}, "crop_size of the image processor"),
        ("crop", {"do_center_crop": False}, "do_center_crop of the image processor must be True"),
        ("squash", {"size": {"height": 32, "width": 32}}, "size .* must be {'height': 64,"),
        ("dynamic", {"skip_enlarged": True}, "skip_enlarged of the image processor must be False"),
    ],
)
def test_an_image_processor_of_another_size_is_refused(tiny_clip, mode, settings, message):
    config = S2VisionConfig(backbone_config=tiny_clip.config, scales=[1, 2], image_mode=mode)
    processor = make_image_processor(config, mean=MEAN, std=STD)
    check_image_processor(processor, config)
    changed = type(processor)(**{**processor.to_dict(), **settings})
    with pytest.raises(InputError, match=message):
        check_image_processor(changed, config)
