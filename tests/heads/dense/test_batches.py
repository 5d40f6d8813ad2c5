import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polyscale.errors import InputError
from polyscale.heads.dense.batches import ahead, cached_batches, chosen_images


@given(num=st.integers(1, 9), batch=st.integers(1, 20), seed=st.integers(0, 3))
def test_every_epoch_holds_every_image_once(num, batch, seed):
    steps = [
        chosen_images(s, num_images=num, batch=batch, seed=seed) for s in range(2 * num)
    ]  # 2 · batch epochs
    assert {len(step) for step in steps} == {batch}
    for epoch in np.concatenate(steps).reshape(2 * batch, num):
        assert sorted(epoch) == list(range(num))


def test_order_depends_on_the_seed_and_the_epoch():
    first, second = (chosen_images(s, num_images=50, batch=50, seed=0) for s in (0, 1))
    other = chosen_images(0, num_images=50, batch=50, seed=1)
    assert (first != second).any()
    assert (first != other).any()


def test_maps_and_targets_stay_together(toy):
    maps, targets = toy.problem()
    batches = cached_batches(maps, targets, batch=4, seed=3)
    found, target = batches(7)
    assert found.shape == (4, 5, 6, 6)
    assert found.dtype == torch.float32
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert target.dtype == torch.int64
    chosen = chosen_images(7, num_images=10, batch=4, seed=3)
    np.testing.assert_array_equal(found.permute(0, 2, 3, 1), maps.take(chosen))
    np.testing.assert_array_equal(target, targets.take(chosen))
    torch.testing.assert_close(batches(7)[0], found, rtol=0, atol=0)


def test_depth_stays_as_it_is_and_batches_may_be_prepared(toy):
    depth = np.full((10, 3, 3), np.nan, np.float32)
    double = cached_batches(
        toy.problem()[0],
        toy.ArrayTargets(depth),
        batch=2,
        seed=0,
        prepare=lambda maps, target: (2 * maps, target),
    )
    plain = cached_batches(toy.problem()[0], toy.ArrayTargets(depth), batch=2, seed=0)
    torch.testing.assert_close(double(0)[0], 2 * plain(0)[0])
    assert plain(0)[1].dtype == torch.float32
    assert plain(0)[1].isnan().all()


def test_ahead_gives_the_same_in_order():
    made = []

    def batches(step):
        made.append(step)
        return torch.tensor(step), torch.tensor(-step)

    found = list(ahead(batches, range(3, 8)))
    assert found == [(s, (torch.tensor(s), torch.tensor(-s))) for s in range(3, 8)]
    assert made == list(range(3, 8))
    assert list(ahead(batches, range(0))) == []


def test_an_error_while_a_batch_is_made_arrives():
    def broken(step):
        raise InputError(f"image {step} is broken.")

    with pytest.raises(InputError, match="image 0 is broken"):
        list(ahead(broken, range(3)))


def test_targets_of_other_images(toy):
    maps, targets = toy.problem()
    with pytest.raises(InputError, match="targets must be as many as maps.*got 9 and 10"):
        cached_batches(maps, toy.ArrayTargets(targets.array[:9]), batch=2, seed=0)
