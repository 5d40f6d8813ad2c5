import numpy as np
import pytest

from polyscale.errors import InputError
from polyscale.features import ArrayMaps
from polyscale.tasks.reconstruction import ConstantLoss, Information, best_constant


def make_targets(num=6, tokens=9, channels=5, seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(num, tokens, channels)) + generator.normal(
        size=(num, 1, channels)
    )


def constant_of(targets):
    centred = targets - targets.mean(axis=(0, 1))
    return ConstantLoss((centred**2).mean(axis=(1, 2)), centred.mean(axis=1))


def test_a_resample_has_its_own_best_constant():
    targets = make_targets()
    counts = np.array([[1] * 6, [3, 0, 1, 0, 2, 0]])
    losses = constant_of(targets)(counts / 6)
    for own, loss in zip(counts, losses, strict=True):
        drawn = np.repeat(targets, own, axis=0).reshape(-1, 5)
        assert loss == pytest.approx(drawn.var(axis=0).mean())
    assert constant_of(targets).value == pytest.approx(losses[0])


def test_information_is_base_2_and_does_not_depend_on_the_scale():
    targets = make_targets()
    for scale in (1, 100):
        constant = constant_of(scale * targets)
        information = Information(np.full(6, constant.value / 8), constant)
        assert information.value == pytest.approx(3)
    shares = np.full((1, 6), 1 / 6)
    assert Information(np.full(6, constant.value), constant)(shares) == pytest.approx(0)
    assert np.isfinite(Information(np.zeros(6), constant).value)


def test_images_that_do_not_vary_have_no_information():
    shares = np.array([[1.0, 0, 0, 0, 0, 0]])
    blank = constant_of(np.ones((6, 9, 5)))
    assert Information(np.ones(6), blank)(shares) == 0


def test_a_target_that_tells_places_but_no_images_apart_is_refused():
    places = np.random.default_rng(0).normal(size=(1, 3, 3, 5)).astype(np.float16)
    blank = places.repeat(4, axis=0)
    with pytest.raises(InputError, match="same at each place in 4 images, from 'a' to 'd'"):
        best_constant(ArrayMaps(blank), "abcd", "vit@1")
    blank[2, 1, 1] += 1
    assert best_constant(ArrayMaps(blank), "abcd", "vit@1").value > 0
    assert best_constant(ArrayMaps(blank[:1]), "a", "vit@1").value > 0
