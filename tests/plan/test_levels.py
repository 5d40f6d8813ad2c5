from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyscale.errors import InputError
from polyscale.plan import Plan, plan_levels, plan_reference_levels

scales = st.lists(
    st.sampled_from([0.25, 0.5, 1, 1.1, 1.5, 2, 2.25, 3, 4]), min_size=1, max_size=4, unique=True
)
tiles = st.tuples(st.integers(8, 300), st.integers(8, 300))


@given(scales, tiles)
def test_tiles_cover_each_level_and_stay_inside(scales, tile_hw):
    for level in plan_levels(scales, tile_hw):
        height, width = level.image_hw
        for size, starts, tile in (
            (height, level.tops, level.tile_hw[0]),
            (width, level.lefts, level.tile_hw[1]),
        ):
            assert starts[0] == 0
            assert starts[-1] + tile == size
            assert all(b <= a + tile for a, b in pairwise(starts))
        assert len(level.boxes_yxyx) == level.num_tiles


def test_whole_scales_do_not_overlap():
    one, two, three = plan_levels((1, 2, 3), (224, 224))
    assert [level.num_tiles for level in (one, two, three)] == [1, 4, 9]
    assert two.boxes_yxyx == (
        (0, 0, 224, 224),
        (0, 224, 224, 448),
        (224, 0, 448, 224),
        (224, 224, 448, 448),
    )


def test_below_one_a_single_smaller_tile():
    (level,) = plan_levels((0.5,), (224, 224))
    assert level.tile_hw == level.image_hw == (112, 112)


def test_plan_prints_tiles_and_cells():
    plan = Plan(plan_levels((1, 1.5), (224, 224)), (16, 16))
    assert str(plan).splitlines() == [
        "scale 1: 224×224 px, 1×1 tiles of 224×224 px",
        "scale 1.5: 336×336 px, 2×2 tiles of 224×224 px",
        "5 tiles → 16×16 cells",
    ]


@pytest.mark.parametrize("scale", [100, 1000, 1e308])
def test_absurd_scales_are_refused_at_once(scale):
    with pytest.raises(InputError, match="must need at most 4096 tiles"):
        plan_levels((1, scale), (224, 224))


def test_reference_levels_divide_the_size():
    _, level = plan_reference_levels(224, [1, 1.5], None, None)
    assert level.tile_hw == (168, 168)
    assert level.tops == (0, 168)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((224, None, None, None), "scales or img_sizes must be given"),
        ((224, [], None, None), "at least one pixel"),
        ((224, [0.001], None, None), "at least one pixel"),
        ((224, None, [226], 112), "226 must be a whole number of tiles, but max_split_size 112"),
    ],
)
def test_reference_errors(arguments, message):
    with pytest.raises(InputError, match=message):
        plan_reference_levels(*arguments)
