"""Which columns of the pooled features a head sees: scales, and class token or mean cell."""

from collections.abc import Collection, Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from polyscale.errors import InputError

Feature = Literal["cls", "mean", "both"]
"""The class token, the mean over the cells of the map, or one after the other."""


def pooled_columns(
    scales: Sequence[float],
    *,
    dim: int,
    has_cls: bool,
    feature: Feature = "both",
    keep: Collection[float] | None = None,
) -> NDArray[np.int64]:
    """Indices into `MultiScaleFeatures.pooled`, in the order they stand there.

    Args:
        scales: of the pooled features, in their order.
        dim: width of one token.
        has_cls: whether each scale is laid out as (class token, mean cell) or the mean cell alone.
        feature: what to take of each scale.
        keep: the scales to take; None takes all.

    Returns:
        Columns (num_columns,), rising.

    Raises:
        InputError: if a scale in `keep` is not there, or the model has no class token.

    Examples:
        >>> pooled_columns((1, 2), dim=2, has_cls=True, feature="mean").tolist()
        [2, 3, 6, 7]
    """
    if feature not in get_args(Feature):
        raise InputError(f"feature must be 'cls', 'mean' or 'both', but got {feature!r}.")
    if feature == "cls" and not has_cls:
        raise InputError(
            "feature must be 'mean' or 'both' for a model without a class token, but got 'cls'."
        )
    if missing := [scale for scale in keep or () if scale not in scales]:
        raise InputError(
            f"keep must be among the scales {tuple(scales)}, but got {missing[0]}. "
            "Extract that scale first."
        )
    parts = ("cls", "mean") if has_cls else ("mean",)
    wanted = [
        (keep is None or scale in keep) and feature in ("both", part)
        for scale in scales
        for part in parts
    ]
    return np.flatnonzero(np.repeat(wanted, dim))
