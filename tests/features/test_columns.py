import numpy as np
import pytest
import torch

from polyscale.errors import InputError
from polyscale.features import pooled_columns
from polyscale.operator.multiscale import MultiScaleFeatures


@pytest.mark.parametrize("has_cls", [True, False])
def test_columns_are_those_of_the_pooled_vector(has_cls):
    tokens = torch.randn(3, 2 + 4, 2 * 5)
    features = MultiScaleFeatures(tokens, 2, (2, 2), dim=5, has_cls=has_cls)
    pooled = features.pooled.numpy()

    def taken(**options):
        return pooled[:, pooled_columns((1, 2.5), dim=5, has_cls=has_cls, **options)]

    means = [level.map.mean(dim=(-2, -1)).numpy() for level in features.scales]
    np.testing.assert_array_equal(taken(feature="mean"), np.concatenate(means, axis=1))
    np.testing.assert_array_equal(taken(), pooled)
    if has_cls:
        classes = [level.prefix[:, 0].numpy() for level in features.scales]
        np.testing.assert_array_equal(taken(feature="cls"), np.concatenate(classes, axis=1))


def test_bad_input():
    with pytest.raises(InputError, match="feature must be 'mean' or 'both' for a model without"):
        pooled_columns((1,), dim=4, has_cls=False, feature="cls")
    with pytest.raises(InputError, match="feature must be one of cls, mean, both, but got 'max'"):
        pooled_columns((1,), dim=4, has_cls=True, feature="max")
