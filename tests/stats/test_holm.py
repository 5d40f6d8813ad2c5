import pytest

from polyscale.stats import holm


def test_smallest_times_all_then_one_fewer_each_step():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.6]) == pytest.approx([1, 1])


def test_nothing_to_correct():
    assert holm([]) == []
    assert holm([0.2]) == pytest.approx([0.2])
