import json
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyscale.checks import check_integer
from polyscale.errors import InputError
from polyscale.operator.plan import Plan, Tiling, plan_levels, scales_of

scales = st.lists(
    st.sampled_from([0.25, 0.5, 1, 1.1, 1.5, 2, 2.25, 3, 4]), min_size=1, max_size=4, unique=True
)
sides = st.tuples(st.integers(16, 120), st.integers(16, 120))  # below max_tiles
tilings = st.builds(
    Tiling,
    scales=scales.map(tuple),
    aspect=st.sampled_from(["squash", "keep", "pad", "slide", "dynamic"]),
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
                assert all(a < b <= a + tile for a, b in pairwise(starts))
                assert starts[0] <= 0 < size <= starts[-1] + tile
                if tiling.aspect == "pad":
                    assert starts[0] == 0
                    assert starts[-1] < size
                elif tiling.aspect == "keep" or tiling.aspect == "squash" or tile <= size:
                    assert starts[0] == 0
                    assert starts[-1] + tile == size
        assert len(level.boxes_yxyx) == level.num_tiles
        assert all(a <= b for a, b in zip(level.tile_hw, tile_hw, strict=True)) or not tiling.split


@given(tilings, sides, sides)
def test_aspect_is_kept_to_a_twentieth_of_a_tile(tiling, tile_hw, image_hw):
    wanted = image_hw[1] / image_hw[0]
    for level in plan_levels(tiling, tile_hw, image_hw):
        height, width = level.image_hw
        if tiling.aspect == "pad":
            assert abs(width - wanted * height) <= max(1, wanted)
        if tiling.aspect == "keep" and level.scale >= 1:
            assert min(height / tile_hw[0], width / tile_hw[1]) >= 1
            away_px = (abs(width - wanted * height), abs(height - width / wanted))
            slack = [0.05 * tile + 1 for tile in reversed(tile_hw)]
            assert any(away <= most for away, most in zip(away_px, slack, strict=True))


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
        ("keep", (200, 300), [(224, 336), (448, 672), (672, 1008)]),
        ("keep", (300, 400), [(224, 299), (448, 597), (672, 896)]),
        ("keep", (400, 300), [(299, 224), (597, 448), (896, 672)]),
        ("keep", (200, 203), [(224, 224), (448, 448), (672, 672)]),  # no tiles for 3 to 10 px
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


@given(
    st.sampled_from([1, 1.5, 2, 3, 5]),
    st.sampled_from([0, 0.25, 0.5, 0.9]),
    st.booleans(),
    st.integers(1, 60),
    sides,
    sides,
)
def test_keep_shrinks_to_the_cap_with_overlap_and_shift(
    scale, overlap, shifted, most, tile_hw, image_hw
):
    def level_at(scale, most):
        options = {"aspect": "keep", "overlap": overlap, "shifted": shifted, "max_tiles": most}
        (level,) = plan_levels(Tiling(scales=(scale,), **options), tile_hw, image_hw)
        return level

    if level_at(1, 10**6).num_tiles > most:
        with pytest.raises(InputError, match="must need at most max_tiles"):
            level_at(scale, most)
        return
    free, level = level_at(scale, 10**6), level_at(scale, most)
    assert level.num_tiles <= most
    if free.num_tiles <= most:
        assert level == free


def test_overlap_and_shift_count_toward_the_cap():
    options = {"scales": (3,), "aspect": "keep", "max_tiles": 25}
    (level,) = plan_levels(Tiling(**options, overlap=0.5), (100, 100))
    assert (level.image_hw, level.num_tiles) == ((300, 300), 25)
    (level,) = plan_levels(Tiling(**options, shifted=True), (100, 100))
    assert (level.image_hw, level.num_tiles) == ((300, 300), 9 + 16)
    (level,) = plan_levels(Tiling(**options, overlap=0.5, shifted=True), (100, 100))
    assert (level.image_hw, level.num_tiles) == ((200, 200), 9 + 16)


def slide(size_px, overlap, tile_px, **options):
    """Row starts of a column of pixels."""
    tiling = Tiling(scales=(1,), aspect="slide", overlap=overlap, **options)
    (level,) = plan_levels(tiling, (tile_px, 1), (size_px, 1))
    assert level.grids[0].lefts == (0,)
    return level.grids[0].tops


@given(st.integers(1, 200), st.floats(0, 0.9), st.integers(1, 80))
def test_slide_starts_as_monai_scans(size_px, overlap, tile_px):
    """A plain loop: a window moves on by the stride until it has seen the last pixel."""
    whole = max(size_px, tile_px)
    stride = max(1, int(tile_px * (1 - overlap)))
    expected, start = [], 0
    while start + tile_px < whole:
        expected.append(start)
        start += stride
    expected.append(whole - tile_px)
    padded_before = (whole - size_px) // 2
    assert slide(size_px, overlap, tile_px) == tuple(top - padded_before for top in expected)


@pytest.mark.parametrize(
    ("size_px", "overlap", "tops"),
    [
        (100, 0, (0,)),
        (101, 0, (0, 1)),
        (250, 0, (0, 100, 150)),
        (250, 0.25, (0, 75, 150)),
        (250, 0.5, (0, 50, 100, 150)),
        (97, 0.5, (-1,)),
        (1, 0, (-49,)),
    ],
)
def test_slide_pulls_the_last_tile_back_and_centres_small_images(size_px, overlap, tops):
    assert slide(size_px, overlap, 100) == tops


def test_slide_is_relative_to_the_image():
    half, one, two = plan_levels(Tiling(scales=(0.5, 1, 2), aspect="slide"), (64, 48), (65, 200))
    assert [level.image_hw for level in (half, one, two)] == [(32, 100), (65, 200), (130, 400)]
    assert {level.tile_hw for level in (half, one, two)} == {(64, 48)}
    assert half.boxes_yxyx == ((-16, 0, 48, 48), (-16, 48, 48, 96), (-16, 52, 48, 100))
    (level,) = plan_levels(Tiling(scales=(2,), aspect="slide", split=False), (64, 48), (65, 200))
    assert level.tile_hw == level.image_hw == (130, 400)


def test_slide_needs_at_most_max_tiles():
    tiling = Tiling(scales=(1,), aspect="slide", max_tiles=8)
    with pytest.raises(InputError, match="max_tiles=8 tiles, but needs 9 for an image of 90×90 px"):
        plan_levels(tiling, (32, 32), (90, 90))


def test_numpy_numbers_become_plain_ones():
    tiling = Tiling(
        scales=np.array([1, 2]), overlap=np.float32(0.5), max_tiles=np.int64(100), aspect="keep"
    )
    assert json.loads(json.dumps(asdict(tiling)))["scales"] == [1, 2]
    size, tile = (np.int64(300), np.int32(400)), (np.int64(224), np.int64(224))
    levels = plan_levels(tiling, tile, size)
    assert json.dumps([asdict(level) for level in levels])
    assert levels == plan_levels(tiling, (224, 224), (300, 400))
    assert json.dumps(scales_of([np.int64(112), 448], (224, 224))) == "[0.5, 2.0]"
    assert type(check_integer("max_tiles", np.uint8(3))) is int


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"aspect": "crop"},
            "aspect must be one of squash, keep, pad, slide, dynamic, but got 'crop'",
        ),
        ({"window": "box"}, "window must be one of uniform, hann, gaussian"),
        ({"overlap": 1.0}, "overlap must be between 0 and 0.9, but got 1.0"),
        ({"overlap": -0.1}, "overlap must be between"),
        ({"overlap": float("nan")}, "overlap must be between"),
        ({"overlap": True}, "overlap must be between 0 and 0.9, but got True"),
        ({"overlap": "0.5"}, "overlap must be between 0 and 0.9, but got '0.5'"),
        ({"max_tiles": 0}, "max_tiles must be a whole number of at least 1, but got 0"),
        ({"max_tiles": True}, "max_tiles must be a whole number of at least 1, but got True"),
        ({"max_tiles": 8.0}, "max_tiles must be a whole number of at least 1, but got 8.0"),
        ({"scales": (True,)}, "scales must be positive numbers of at most 1000, but got True"),
        ({"scales": (1, 1)}, "must not repeat"),
    ],
)
def test_bad_tiling(options, message):
    with pytest.raises(InputError, match=message):
        Tiling(**options)


@pytest.mark.parametrize(
    ("image_hw", "message"),
    [
        (224, r"image_hw must be \(height, width\), but got 224"),
        ((224, 224, 3), r"image_hw must be \(height, width\), but got \(224, 224, 3\)"),
        ((224, 0), "image_hw must be a whole number of at least 1, but got 0"),
        ((2.5, 224), "image_hw must be a whole number of at least 1, but got 2.5"),
    ],
)
def test_bad_image_sizes(image_hw, message):
    with pytest.raises(InputError, match=message):
        plan_levels(Tiling(), (224, 224), image_hw)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((224, (224, 224)), "sizes must be a sequence of pixels, but got 224"),
        (("ab", (224, 224)), "sizes must be a sequence of pixels, but got 'ab'"),
        (([True], (224, 224)), "sizes must be a whole number of at least 1, but got True"),
        (([224, 22.5], (224, 224)), "sizes must be a whole number of at least 1, but got 22.5"),
        (([224], (224, 224), "slide"), "sizes must be left out for aspect='slide'"),
    ],
)
def test_bad_sizes(arguments, message):
    with pytest.raises(InputError, match=message):
        scales_of(*arguments)
