import numpy as np
from scipy.optimize import minimize, rosen, rosen_der

from polyscale.learning.heads.lbfgs import Point, minimise


def quadratic(condition, noise=0.0):
    generator = np.random.default_rng(0)
    scales = np.geomspace(1, condition, 40)

    def function(at):
        gradient = scales * (at - 1)
        value = (scales * (at - 1) ** 2).sum() / 2 + 3 + noise * generator.normal()
        return Point(at, value, gradient, float(np.linalg.norm(gradient)))

    return function


def test_finds_the_minimum():
    function = quadratic(1e3)
    point, steps = minimise(function, np.zeros(40), tolerance=1e-5)
    np.testing.assert_allclose(point.at, 1, atol=1e-5)
    # and in no more steps than SciPy's, but for chance
    scipy = minimize(
        lambda at: (function(at).value, function(at).gradient),
        np.zeros(40),
        jac=True,
        method="L-BFGS-B",
        options={"gtol": 1e-5, "ftol": 0, "maxiter": 10_000, "maxfun": 10_000},
    )
    assert steps < 1.3 * scipy.nit


def test_noise_in_the_value_does_not_stop_it():
    """Values right to seven digits, the gradient to sixteen: what float32 blocks give."""
    point, _ = minimise(quadratic(1e3, noise=3e-7), np.zeros(40), tolerance=1e-9)
    np.testing.assert_allclose(point.at, 1, atol=1e-9)


def test_a_start_far_off_and_a_bent_valley():
    def function(at):
        gradient = rosen_der(at)
        return Point(at, float(rosen(at)), gradient, float(np.linalg.norm(gradient)))

    point, _ = minimise(function, np.array([-1.2, 1.0]), tolerance=1e-8)
    np.testing.assert_allclose(point.at, 1, atol=1e-6)


def test_stops_at_once_where_there_is_nothing_to_do():
    point, steps = minimise(quadratic(10), np.ones(40), tolerance=1e-9)
    assert steps == 0
    assert point.size == 0
