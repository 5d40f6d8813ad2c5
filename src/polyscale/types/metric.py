"""Which way a metric is better."""

LOWER_IS_BETTER = frozenset({"rmse", "abs_rel", "silog", "mse", "loss"})
"""Errors; of every other metric, more is better."""


def better_sign(metric: str) -> int:
    """1 where more of a metric is better, -1 where less is."""
    return -1 if metric in LOWER_IS_BETTER else 1
