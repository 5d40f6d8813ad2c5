import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyscale.errors import InputError
from polyscale.operator.multiscale.stream import BLOCK, Part, plan_chunks
from polyscale.operator.plan import Tiling, plan_levels


def parts_of(sizes, scales):
    parts, first = [], 0
    for num in sizes:
        parts.append(Part(plan_levels(Tiling(scales=scales), (8, 8)), first, num))
        first += num
    return parts


def batches(parts, most):
    """The same limit for every size of tile."""
    return {level.tile_hw: most for part in parts for level in part.levels}


def num_tiles(chunk):
    return sum(span.num for span in chunk)


def tiles_of(chunks):
    """Every tile of every image, in the order of the stream."""
    return [
        (span.slot, span.tile, image)
        for chunk in chunks
        for span in chunk
        for image in range(span.first, span.first + span.num)
    ]


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    scales=st.lists(st.sampled_from([0.5, 1, 1.5, 2, 3]), min_size=1, max_size=3, unique=True),
    tile_batch=st.integers(1, 70),
)
def test_every_tile_once_in_chunks_of_nearly_one_size(sizes, scales, tile_batch):
    parts = parts_of(sizes, tuple(scales))
    chunks = plan_chunks(parts, batches(parts, tile_batch))
    tiles = tiles_of(chunks)
    assert len(tiles) == len(set(tiles))
    assert len(tiles) == sum(part.num * level.num_tiles for part in parts for level in part.levels)
    for tile_hw in {level.tile_hw for part in parts for level in part.levels}:
        counts = [
            num_tiles(chunk)
            for chunk in chunks
            if parts[chunk[0].part].levels[chunk[0].slot].tile_hw == tile_hw
        ]
        assert max(counts) <= tile_batch
        assert max(counts) - min(counts) <= 1
        assert len(counts) == -(-sum(counts) // tile_batch)


@given(
    num=st.integers(1, 9),
    num_ranks=st.integers(1, 5),
    tile_batch=st.integers(1, 20),
    scales=st.sampled_from([(1, 2), (0.25, 0.5, 0.75, 1, 2), (0.5, 1, 1.5)]),
)
def test_processes_share_the_tiles_evenly(num, num_ranks, tile_batch, scales):
    parts = parts_of([num], scales)
    shares = [
        tiles_of(plan_chunks(parts, batches(parts, tile_batch), rank=r, num_ranks=num_ranks))
        for r in range(num_ranks)
    ]
    assert sorted(tile for share in shares for tile in share) == sorted(
        tiles_of(plan_chunks(parts, batches(parts, 99)))
    )
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_each_process_has_a_tile_of_any_size():
    parts = parts_of([1], (0.5, 1))
    shares = [plan_chunks(parts, batches(parts, 8), rank=r, num_ranks=2) for r in (0, 1)]
    assert [num_tiles(chunk) for share in shares for chunk in share] == [1, 1]
    with pytest.raises(InputError, match="each of 3 processes, but there are 2"):
        plan_chunks(parts, batches(parts, 8), rank=0, num_ranks=3)


def test_chunks_fill_over_images_of_a_list():
    """Sixteen images at scales (0.5, 1, 2): small tiles of all images share chunks."""
    parts = parts_of([1] * 16, (0.5, 1, 2))
    chunks = plan_chunks(parts, batches(parts, 8))
    assert [num_tiles(chunk) for chunk in chunks] == [8] * 12


@pytest.mark.parametrize("num", [1, BLOCK, BLOCK + 1, 30])
def test_images_go_through_a_level_in_blocks(num):
    parts = parts_of([num], (2,))
    (chunk,) = plan_chunks(parts, batches(parts, 1000))
    assert max(span.num for span in chunk) == min(num, BLOCK)
    assert len(chunk) == 4 * -(-num // BLOCK)
