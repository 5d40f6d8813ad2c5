"""Are two candidates equally good within a margin? Two one-sided tests (TOST) of paired shares.

Of n images, only the first candidate is right on b and only the second on c. Tango's score
statistic of the hypothesis that the shares of right images differ by δ is

    z(δ) = (b - c - nδ) / √(n (2q + δ(1 - δ)))

where q is the most likely share of "only the second" under that hypothesis. At δ = 0 it is
McNemar's statistic. Since the variance is computed under the hypothesis, it does not vanish when
few images are discordant, so agreement on few images does not prove equality. (Tango 1998,
Statistics in Medicine 17, 891–908; as a test of equivalence, Nam 1997, Biometrics 53, 1422–1430.
Neither SciPy nor statsmodels has them.)
"""

from math import sqrt

from scipy.optimize import brentq
from scipy.stats import norm

from polyscale.errors import InputError

MARGIN = 0.01
"""One percentage point of accuracy; a smaller difference counts as none."""
ALPHA = 0.05


def check_margin(margin: float) -> None:
    """Raise InputError unless the margin is between 0 and 1."""
    if not 0 < margin < 1:
        raise InputError(
            f"margin must be between 0 and 1, but got {margin:g}. 0.01 is one percentage point."
        )


def check_unit_margin(margin: float, metric: str) -> None:
    """Raise InputError unless a margin in the unit of a metric is above 0."""
    if margin <= 0:
        raise InputError(f"margin must be above 0, in units of {metric}, but got {margin:g}.")


def score_z(only_first: int, only_second: int, num_test: int, delta: float) -> float:
    """Tango's score statistic of the hypothesis that the difference is `delta`, -1 to 1."""
    deviation = only_first - only_second - num_test * delta
    variance = restricted_variance(only_first / num_test, only_second / num_test, delta)
    if variance <= 0:
        return 0.0 if deviation == 0 else float("inf") * deviation
    return deviation / sqrt(num_test * variance)


def restricted_variance(first_share: float, second_share: float, delta: float) -> float:
    """Variance of the difference on one image, under the hypothesis that shares differ by `delta`.

    Args:
        first_share: observed share of images that only the first candidate gets right.
        second_share: observed share of images that only the second gets right.
        delta: difference of the shares under the hypothesis.
    """
    # the most likely share q of "only the second" solves 2q² + linear·q + constant = 0
    linear = 2 * delta - first_share - second_share - delta * (first_share - second_share)
    constant = -second_share * delta * (1 - delta)
    q = (sqrt(max(linear**2 - 8 * constant, 0.0)) - linear) / 4
    return 2 * q + delta * (1 - delta)


def equivalence_p(only_first: int, only_second: int, num_test: int, margin: float) -> float:
    """P-value of "the difference is within ±margin": the larger of two one-sided tests.

    Raises:
        InputError: if the margin is not between 0 and 1.
    """
    check_margin(margin)
    not_below = norm.sf(score_z(only_first, only_second, num_test, -margin))
    not_above = norm.cdf(score_z(only_first, only_second, num_test, margin))
    return float(max(not_below, not_above))


def score_interval(
    only_first: int, only_second: int, num_test: int, level: float = 0.95
) -> tuple[float, float]:
    """Tango's interval of the difference: all values that the score test does not reject."""
    bound = float(norm.ppf((1 + level) / 2))
    observed = (only_first - only_second) / num_test

    def edge(sign: int) -> float:
        end = float(-sign)
        if sign * score_z(only_first, only_second, num_test, end) <= bound:
            return end
        return brentq(
            lambda d: sign * score_z(only_first, only_second, num_test, d) - bound, end, observed
        )

    return edge(1), edge(-1)
