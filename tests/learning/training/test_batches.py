import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from polyscale.errors import InputError
from polyscale.learning.training import ItemBatches, batch_indices
from polyscale.learning.training.batches import read_ahead


@given(num=st.integers(1, 9), batch=st.integers(1, 20), seed=st.integers(0, 3))
def test_every_epoch_holds_every_image_once(num, batch, seed):
    steps = [
        batch_indices(s, num_examples=num, batch=batch, seed=seed) for s in range(2 * num)
    ]  # 2 · batch epochs
    assert {len(step) for step in steps} == {batch}
    for epoch in np.concatenate(steps).reshape(2 * batch, num):
        assert sorted(epoch) == list(range(num))


@hypothesis_settings(max_examples=15)
@given(sizes=st.lists(st.integers(0, 3), min_size=17, max_size=60).filter(any))
def test_groups_are_read_few_at_a_time(sizes):
    num = sum(sizes)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    order = batch_indices(1, num_examples=num, batch=num, seed=0, group_sizes=tuple(sizes))
    assert sorted(order) == list(range(num))
    first, last = (
        [int(np.flatnonzero(groups[order] == g)[end]) for g in set(groups)] for end in (0, -1)
    )
    begun = [sum(f <= place <= b for f, b in zip(first, last, strict=True)) for place in range(num)]
    assert max(begun) <= 16


def test_order_depends_on_the_seed_and_the_epoch():
    first, second = (batch_indices(s, num_examples=50, batch=50, seed=0) for s in (0, 1))
    other = batch_indices(0, num_examples=50, batch=50, seed=1)
    assert (first != second).any()
    assert (first != other).any()


def test_read_ahead_gives_the_same_in_order():
    made = []

    def batches(step):
        made.append(step)
        return torch.tensor(step), torch.tensor(-step)

    found = list(read_ahead(batches, range(3, 8)))
    assert found == [(s, (torch.tensor(s), torch.tensor(-s))) for s in range(3, 8)]
    assert made == list(range(3, 8))
    assert list(read_ahead(batches, range(0))) == []


def test_an_error_while_a_batch_is_made_arrives():
    def broken(step):
        raise InputError(f"image {step} is broken.")

    with pytest.raises(InputError, match="image 0 is broken"):
        list(read_ahead(broken, range(3)))


def test_items_are_read_in_threads_and_put_together_in_order():
    threads = set()

    def read(step, place):
        threads.add(threading.current_thread())
        return 10 * step + place

    def collate(items):
        assert threading.current_thread() is threading.main_thread()
        return items

    batches = ItemBatches(5, read, collate)
    expected = [[10 * step + place for place in range(5)] for step in range(4)]
    assert [batch for _, batch in read_ahead(batches, range(4))] == expected
    assert threading.main_thread() not in threads
    assert [batches(step) for step in range(4)] == expected


def test_what_was_not_begun_is_cancelled():
    begun = []

    def read(step, place):
        begun.append((step, place))
        if step:
            time.sleep(0.05)
        return place

    reading = read_ahead(ItemBatches(100, read, list), range(9))
    next(reading)
    reading.close()
    assert len([step for step, _ in begun if step]) < 50
    threads = [t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor")]
    assert not any(t.is_alive() for t in threads)
