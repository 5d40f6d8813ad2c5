"""What is predicted of whole pictures, as columns of a table."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from polyscale.errors import InputError
from polyscale.tasks import PooledPredictor

LABEL = "label"
"""The column of the true class, where the folders of the pictures name it."""

POSITIVE = "positive"
"""The fact of a head that names the class whose threshold can be chosen."""


def check_threshold(threshold: float | None, predictor: PooledPredictor) -> None:
    """Raise an InputError for a threshold that is none, or is given for other than two classes."""
    if threshold is None:
        return
    if POSITIVE not in predictor.facts:
        raise InputError(
            "threshold must be left out for this head, as it is for classification with two "
            f"classes, but got {threshold!r}."
        )
    if not 0 < threshold < 1:
        raise InputError(f"threshold must be between 0 and 1, but got {threshold!r}.")


def read_columns(
    predictor: PooledPredictor, images: Sequence[Image.Image], threshold: float | None
) -> dict[str, list[Any]]:
    """Column → its value for each image; with a threshold, the classes that it decides."""
    columns: dict[str, Any] = dict(predictor.predict(images))
    if threshold is not None:
        positive = predictor.facts[POSITIVE]
        (other,) = set(predictor.class_names) - {positive}
        is_positive = np.asarray(columns[positive]) >= threshold
        columns["prediction"] = np.where(is_positive, positive, other)
        columns["probability"] = np.where(is_positive, columns[positive], columns[other])
    return {name: np.asarray(values).tolist() for name, values in columns.items()}


def write_csv(rows: Mapping[str, Sequence[object]], file: Path) -> None:
    """One line for each picture; numbers with six digits."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(rows)
        for row in zip(*rows.values(), strict=True):
            writer.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in row])
