import pytest

from polyscale.errors import InputError
from polyscale.operator.plan import Tiling, closest_grid, plan_levels

TILE_PX = 448


def columns_and_rows(width, height, num_scales=3, tile=TILE_PX):
    """NVILA's rule, written again from its description: 9 to 12 tiles at scale 3.

    All pairs of columns and rows by their number of tiles; of those with the closest aspect the
    first, or a later one for an image of more than half of the pixels of its tiles.
    """
    least, most = num_scales**2, num_scales**2 * 4 // 3
    pairs = {
        (i, j) for i in range(1, most + 1) for j in range(1, most + 1) if least <= i * j <= most
    }
    best, best_difference = (1, 1), float("inf")
    for columns, rows in sorted(pairs, key=lambda pair: pair[0] * pair[1]):
        difference = abs(width / height - columns / rows)
        if difference < best_difference:
            best, best_difference = (columns, rows), difference
        elif difference == best_difference and width * height > columns * rows * tile**2 / 2:
            best = (columns, rows)
    return best


@pytest.mark.parametrize("num_scales", [1, 2, 3, 4])
def test_grids_are_those_of_nvila(num_scales):
    """Every aspect from 1:6 to 6:1 in steps of about a twentieth, in small and large pictures."""
    for shorter in (60, 444, 1344, 3000):
        for percent in range(100, 601, 5):
            longer = round(shorter * percent / 100)
            for width, height in ((shorter, longer), (longer, shorter)):
                rows, columns = closest_grid(num_scales, (TILE_PX, TILE_PX), (height, width))
                expected = columns_and_rows(width, height, num_scales)
                assert (columns, rows) == expected, (width, height)


def test_only_the_largest_scale_follows_the_picture():
    tiling = Tiling(scales=(1, 2, 3), aspect="dynamic")
    levels = plan_levels(tiling, (TILE_PX, TILE_PX), (1000, 1500))
    sizes = [(level.image_hw[0] // TILE_PX, level.image_hw[1] // TILE_PX) for level in levels]
    assert sizes == [(1, 1), (2, 2), (3, 4)]
    assert [level.num_tiles for level in levels] == [1, 4, 12]


def test_fewer_tiles_can_be_asked_for():
    tiling = Tiling(scales=(1, 3), aspect="dynamic", max_tiles=9)
    _, level = plan_levels(tiling, (TILE_PX, TILE_PX), (1000, 1500))
    assert (level.grids[0].tops, level.grids[0].lefts) == ((0, 448, 896), (0, 448, 896))
    with pytest.raises(InputError, match="at most max_tiles=8 tiles, but needs 9"):
        plan_levels(Tiling(scales=(1, 3), aspect="dynamic", max_tiles=8), (448, 448), (448, 448))
