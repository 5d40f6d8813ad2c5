import numpy as np

from polyscale.robot.simulation.textures import SIDE_PX, make_textures


def test_they_are_the_same_each_time():
    for first, again in zip(make_textures(7), make_textures(7), strict=True):
        np.testing.assert_array_equal(first, again)


def test_they_differ_and_have_a_pattern():
    textures = make_textures(12)
    for index, texture in enumerate(textures):
        assert texture.shape == (SIDE_PX, SIDE_PX, 3)
        assert texture.dtype == np.uint8
        assert texture.std(axis=(0, 1)).min() > 3
        for other in textures[:index]:
            assert np.abs(texture.astype(int) - other).mean() > 3
