import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polyscale.stats import THRESHOLDS, threshold_errors

images = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30)


@given(images)
def test_counts_are_those_of_a_plain_loop(images):
    probabilities, positive = (np.array(column) for column in zip(*images, strict=True))
    errors = threshold_errors(probabilities, positive)
    assert errors.num_positive == sum(positive)
    assert errors.num_positive + errors.num_negative == len(images)
    for threshold, missed, alarms in zip(
        THRESHOLDS, errors.missed, errors.false_alarms, strict=True
    ):
        assert missed == sum(p < threshold for p, is_positive in images if is_positive)
        assert alarms == sum(p >= threshold for p, is_positive in images if not is_positive)


@given(images)
def test_a_higher_threshold_misses_more_and_alarms_less(images):
    probabilities, positive = (np.array(column) for column in zip(*images, strict=True))
    errors = threshold_errors(probabilities, positive)
    assert list(errors.missed) == sorted(errors.missed)
    assert list(errors.false_alarms) == sorted(errors.false_alarms, reverse=True)
