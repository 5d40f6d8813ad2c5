"""Towers whose grid follows the picture, against plain calls of the model."""

import pytest
import torch
import torch.nn.functional as F

from polyscale.errors import InputError
from polyscale.language import S2VisionConfig, S2VisionModel
from polyscale.language.grids import dynamic_size, kept_size, scales_run

TILE = 32


def tower_of(backbone, **options):
    return S2VisionModel(S2VisionConfig(backbone_config=backbone.config, **options), backbone)


def stitched(model, image, rows, columns, layer=-2):
    """The map of a hidden state over rows and columns of tiles, each a call of its own."""
    lines = []
    for row in range(rows):
        tiles = [
            image[:, :, row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
            for column in range(columns)
        ]
        maps = [
            model(tile, output_hidden_states=True)
            .hidden_states[layer][:, 1:]
            .mT.unflatten(2, (4, 4))
            for tile in tiles
        ]
        lines.append(torch.cat(maps, dim=3))
    return torch.cat(lines, dim=2)


def dynamic_features(model, image, num_scales):
    """NVILA's merge: square scales, then the picture as it is; area pooling to the last grid."""
    rows, columns = image.shape[2] // TILE, image.shape[3] // TILE
    maps = []
    for scale in range(1, num_scales):
        square = F.interpolate(image, (scale * TILE,) * 2, mode="bicubic", antialias=True)
        maps.append(stitched(model, square, scale, scale))
    maps.append(stitched(model, image, rows, columns))
    grid_hw = maps[-1].shape[-2:]
    fused = torch.cat([F.interpolate(map_, grid_hw, mode="area") for map_ in maps], dim=1)
    return fused.flatten(2).mT[0]


@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (3, 4), (4, 3), (1, 12), (11, 1), (2, 5)])
@torch.no_grad()
def test_dynamic_features_are_composed_of_plain_calls(tiny_clip, rows, columns):
    image = torch.randn(1, 3, rows * TILE, columns * TILE)
    tower = tower_of(tiny_clip, scales=[1, 2, 3], image_mode="dynamic")
    hidden = tower(image, output_hidden_states=-2).hidden_states[-2]
    expected = dynamic_features(tiny_clip, image, num_scales=3)
    torch.testing.assert_close(hidden[0], expected, rtol=0, atol=1e-5)


@torch.no_grad()
def test_pictures_of_several_grids_are_packed_in_their_order(tiny_clip):
    sizes = [(96, 128), (96, 96), (96, 128), (64, 160)]
    images = [torch.randn(1, 3, *size) for size in sizes]
    batch = torch.cat([F.pad(i, (0, 160 - i.shape[3], 0, 96 - i.shape[2])) for i in images])
    tower = tower_of(tiny_clip, scales=[1, 2, 3], image_mode="dynamic")
    packed = tower(batch, image_sizes=torch.tensor(sizes)).last_hidden_state
    alone = [tower(image).last_hidden_state[0] for image in images]
    torch.testing.assert_close(packed, torch.cat(alone)[None])


@torch.no_grad()
def test_scales_that_would_enlarge_are_left_out(tiny_clip):
    """The largest scale that is left stands for them; no tile of theirs is run."""
    tower = tower_of(tiny_clip, scales=[1, 2, 3], image_mode="dynamic", skip_enlarged=True)
    image = torch.randn(1, 3, 2 * TILE, 2 * TILE)
    first, second, third = tower(image).last_hidden_state.chunk(3, dim=-1)
    expected = tower_of(tiny_clip, scales=[1, 2], image_mode="dynamic")(image).last_hidden_state
    torch.testing.assert_close(torch.cat([first, second], dim=-1), expected)
    assert torch.equal(third, second)
    tiles = []
    tiny_clip.register_forward_hook(lambda _, __, output: tiles.append(len(output[0])))
    tower(image)
    assert sum(tiles) == 1 + 4


@torch.no_grad()
def test_kept_pictures_have_the_grid_of_their_aspect(tiny_clip):
    tower = tower_of(tiny_clip, scales=[1, 2], image_mode="keep")
    image = torch.randn(1, 3, 64, 96)
    tokens = tower(image).last_hidden_state
    assert tokens.shape == (1, 4 * 6, 2 * 8)
    # the larger scale is 2×3 whole tiles, so each of its tokens is the mean of 2×2 of their cells
    larger = F.avg_pool2d(stitched(tiny_clip, image, 2, 3, layer=-1), 2).flatten(2).mT
    torch.testing.assert_close(tokens[..., 8:], larger, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size_hw", [(96, 100), (32, 64), (32 * 4, 32 * 4)])
def test_images_that_are_no_whole_tiles_of_a_scale_are_refused(tiny_clip, size_hw):
    tower = tower_of(tiny_clip, scales=[2, 3], image_mode="dynamic")
    with pytest.raises(InputError, match="pixel_values must be images of whole tiles of 32 px"):
        tower(torch.zeros(1, 3, *size_hw))


@pytest.mark.parametrize(
    ("picture_hw", "expected"),
    [((300, 20), (160, 32)), ((20, 20), (32, 32)), ((70, 70), (64, 64)), ((96, 96), (96, 96))],
)
def test_small_pictures_need_fewer_tiles(picture_hw, expected):
    size = dynamic_size([1, 2, 3], TILE, picture_hw, skip_enlarged=True)
    assert size == expected
    assert max(dynamic_size([1, 2, 3], TILE, picture_hw, skip_enlarged=False)) >= max(size)


def test_every_size_of_a_picture_is_one_that_the_tower_takes():
    for height in range(10, 600, 37):
        for width in range(10, 600, 37):
            for skip in (False, True):
                size = dynamic_size([1, 2, 3], TILE, (height, width), skip_enlarged=skip)
                run = scales_run([1, 2, 3], TILE, size)
                assert skip or run == (1, 2, 3)


def test_kept_sizes_keep_the_aspect():
    assert kept_size(64, (100, 150)) == (64, 96)
    assert kept_size(64, (150, 100)) == (96, 64)
    assert kept_size(64, (7, 7)) == (64, 64)
