"""Of two classes: what is missed against what is a false alarm, at each threshold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest

from polyscale.stats import THRESHOLDS, ThresholdErrors, threshold_errors
from polyscale.studies.predict.table import LABEL, POSITIVE
from polyscale.tasks import PooledPredictor

SHOWN = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Thresholds that the table shows."""

TITLES = {
    "cross_validated": "cross-validated",
    "test": "test images",
    "here": "these pictures",
}


@dataclass(frozen=True)
class ThresholdTable:
    """A table of errors.

    Attributes:
        positive: the class that is looked for.
        heads: of the columns.
        rows: one for each of `SHOWN`, as text.
    """

    positive: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def threshold_table(
    predictor: PooledPredictor, predicted: Mapping[str, Sequence[Any]] | None = None
) -> ThresholdTable | None:
    """What each threshold would miss, and its false alarms, with Wilson's 95 % intervals.

    Args:
        predictor: with a head that a comparison trained.
        predicted: `rows` of `predict_files`: pictures in folders that are named like the classes
            are counted too.

    Returns:
        None for a head that is not for two classes.
    """
    facts = predictor.facts
    if POSITIVE not in facts:
        return None
    positive = facts[POSITIVE]
    sources = {
        name: ThresholdErrors(**errors) for name, errors in facts["threshold_errors"].items()
    }
    if predicted and LABEL in predicted:
        labels = np.array(predicted[LABEL])
        sources["here"] = threshold_errors(np.array(predicted[positive]), labels == positive)
    heads = [f"{what}, {TITLES[name]}" for name in sources for what in ("missed", "false alarms")]
    rows = [
        (f"{threshold:g}", *(cell for each in sources.values() for cell in _cells(each, threshold)))
        for threshold in SHOWN
    ]
    return ThresholdTable(positive, ("threshold", *heads), tuple(rows))


def _cells(errors: ThresholdErrors, threshold: float) -> tuple[str, str]:
    number = THRESHOLDS.index(threshold)
    return (
        _share(errors.missed[number], errors.num_positive),
        _share(errors.false_alarms[number], errors.num_negative),
    )


def _share(count: int, total: int) -> str:
    """`3 of 40 (3–20 %)`, with Wilson's 95 % interval."""
    if not total:
        return "none to count"
    low, high = binomtest(count, total).proportion_ci(0.95, method="wilson")
    return f"{count} of {total} ({100 * low:.0f}–{100 * high:.0f} %)"
