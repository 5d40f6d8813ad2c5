from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyscale.errors import InputError
from polyscale.plan import Plan, Tiling, plan_levels, plan_reference_levels

scales = st.lists(
    st.sampled_from([0.25, 0.5, 1, 1.1, 1.5, 2, 2.25, 3, 4]), min_size=1, max_size=4, unique=True
)
sides = st.tuples(st.integers(8, 300), st.integers(8, 300))
tilings = st.builds(
    Tiling,
    scales=scales.map(tuple),
    aspect=st.sampled_from(["squash", "keep", "pad"]),
    overlap=st.sampled_from([0, 0.1, 0.5, 0.75]),
    shifted=st.booleans(),
    split=st.booleans(),
    max_tiles=st.just(100_000),
)


@given(tilings, sides, sides)
def test_tiles_cover_each_level(tiling, tile_hw, image_hw):
    for level in plan_levels(tiling, tile_hw, image_hw):
        for grid in level.grids:
            for axis, starts in enumerate((grid.tops, grid.lefts)):
                tile, size = level.tile_hw[axis], level.image_hw[axis]
                assert starts[0] == 0
                assert all(a < b <= a + tile for a, b in pairwise(starts))
                assert starts[-1] < size <= starts[-1] + tile
                if tiling.aspect != "pad":
                    assert starts[-1] + tile == size
        assert len(level.boxes_yxyx) == level.num_tiles
        assert all(a <= b for a, b in zip(level.tile_hw, tile_hw, strict=True)) or not tiling.split


@given(tilings, sides, sides)
def test_aspect_is_kept_as_nearly_as_whole_tiles_or_pixels_allow(tiling, tile_hw, image_hw):
    wanted = image_hw[1] / image_hw[0]
    for level in plan_levels(tiling, tile_hw, image_hw):
        height, width = level.image_hw
        if tiling.aspect == "pad":
            assert abs(width - wanted * height) <= max(1, wanted)
        if tiling.aspect == "keep" and level.scale >= 1:
            # never further from the image's aspect than squashing it to the tile's own
            squashed = tile_hw[1] / tile_hw[0]
            away = max(width / height / wanted, wanted / (width / height))
            assert away <= max(squashed / wanted, wanted / squashed) * 1.1 + 0.1


def test_whole_scales_do_not_overlap():
    one, two, three = plan_levels(Tiling(scales=(1, 2, 3)), (224, 224))
    assert [level.num_tiles for level in (one, two, three)] == [1, 4, 9]
    assert two.boxes_yxyx == (
        (0, 0, 224, 224),
        (0, 224, 224, 448),
        (224, 0, 448, 224),
        (224, 224, 448, 448),
    )


@pytest.mark.parametrize(
    ("aspect", "image_hw", "sizes"),
    [
        ("squash", (300, 400), [(224, 224), (448, 448), (672, 672)]),
        ("keep", (300, 400), [(224, 224), (448, 672), (672, 896)]),
        ("keep", (400, 300), [(224, 224), (672, 448), (896, 672)]),
        ("keep", (200, 600), [(224, 672), (448, 1344), (672, 2016)]),
        ("pad", (300, 400), [(168, 224), (336, 448), (504, 672)]),
    ],
)
def test_aspects(aspect, image_hw, sizes):
    levels = plan_levels(Tiling(scales=(1, 2, 3), aspect=aspect), (224, 224), image_hw)
    assert [level.image_hw for level in levels] == sizes


def test_cap_shrinks_the_grid_and_keeps_the_aspect():
    tiling = Tiling(scales=(1, 3), aspect="keep", max_tiles=8)
    one, three = plan_levels(tiling, (100, 100), (100, 200))
    assert one.image_hw == (100, 200)
    assert three.image_hw == (200, 400)
    assert three.num_tiles == 8


def test_more_tiles_than_the_cap():
    with pytest.raises(
        InputError, match=r"scale 3 must need at most max_tiles=8 tiles, but needs 9"
    ):
        plan_levels(Tiling(scales=(1, 3), max_tiles=8), (224, 224))


def test_shifted_grid_lies_half_way():
    (level,) = plan_levels(Tiling(scales=(2,), shifted=True), (100, 100))
    assert level.grids[1].tops == (0, 50, 100)
    assert level.num_tiles == 4 + 9
    (single,) = plan_levels(Tiling(scales=(1,), shifted=True), (100, 100))
    assert single.num_tiles == 1


def test_overlap():
    (level,) = plan_levels(Tiling(scales=(2,), overlap=0.5), (100, 100))
    assert level.grids[0].tops == (0, 50, 100)


def test_without_splitting_one_tile():
    (level,) = plan_levels(Tiling(scales=(3,), split=False), (100, 50))
    assert level.num_tiles == 1
    assert level.tile_hw == level.image_hw == (300, 150)


def test_below_one_a_single_smaller_tile():
    (level,) = plan_levels(Tiling(scales=(0.5,)), (224, 224))
    assert level.tile_hw == level.image_hw == (112, 112)


def test_plan_prints_tiles_and_cells():
    plan = Plan(plan_levels(Tiling(scales=(1, 1.5)), (224, 224)), (16, 16))
    assert str(plan).splitlines() == [
        "scale 1: 224×224 px, 1×1 tiles of 224×224 px",
        "scale 1.5: 336×336 px, 2×2 tiles of 224×224 px",
        "5 tiles → 16×16 cells",
    ]


@pytest.mark.parametrize("scale", [100, 1000, 1e308, int(1e308)])
def test_absurd_scales_are_refused_at_once(scale):
    for aspect in ("squash", "pad"):
        with pytest.raises(InputError, match=r"must need at most max_tiles=4096|at most 1000"):
            plan_levels(Tiling(scales=(1, scale), aspect=aspect), (224, 224), (200, 300))


def test_reference_levels_divide_the_size():
    _, level = plan_reference_levels(224, [1, 1.5], None, None)
    assert level.tile_hw == (168, 168)
    assert level.grids[0].tops == (0, 168)


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aspect": "crop"}, "aspect must be one of squash, keep, pad, but got 'crop'"),
        ({"window": "box"}, "window must be one of uniform, hann, gaussian"),
        ({"overlap": 1.0}, "overlap must be between 0 and 0.9, but got 1.0"),
        ({"overlap": -0.1}, "overlap must be between"),
        ({"overlap": float("nan")}, "overlap must be between"),
        ({"max_tiles": 0}, "max_tiles must be at least 1"),
        ({"scales": (1, 1)}, "must not repeat"),
    ],
)
def test_bad_tiling(options, message):
    with pytest.raises(InputError, match=message):
        Tiling(**options)
