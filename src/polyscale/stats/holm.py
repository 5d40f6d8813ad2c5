"""Many tests: Holm's correction."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected so that one false alarm among all of them has a chance of at most 5 %.

    Holm 1979; uniformly more powerful than Bonferroni's, and valid however the tests depend on
    each other.
    """
    if not p_values:
        return []
    from statsmodels.stats.multitest import multipletests  # brings pandas

    return [float(p) for p in multipletests(list(p_values), method="holm")[1]]
