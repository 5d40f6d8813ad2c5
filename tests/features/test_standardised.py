"""Maps whose channels have mean 0 and deviation 1."""

import numpy as np

from polyscale.features import ArrayMaps, StandardisedMaps, channel_statistics


def test_channels_have_mean_zero_and_deviation_one_over_the_chosen_images():
    maps = np.random.default_rng(0).normal(3, 2, (150, 2, 3, 5)).astype(np.float16)
    maps[..., 4] = 7  # never varies
    chosen = np.arange(0, 150, 2)
    source = ArrayMaps(maps)
    standard = StandardisedMaps(source, *channel_statistics(source, chosen)).take(chosen)
    np.testing.assert_allclose(standard.mean((0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(standard.std((0, 1, 2)), [1, 1, 1, 1, 0], atol=1e-4)
