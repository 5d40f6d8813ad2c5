"""What every head asks of its rows."""

import numpy as np
from numpy.typing import NDArray

from polyscale.errors import InputError

Features = NDArray[np.floating]
Labels = NDArray[np.int64]

BLOCK = 1024
"""Rows at once: enough for BLAS, few enough for the cache."""


def check_features(features: Features, name: str) -> None:
    """Stop unless it is (rows, columns), neither zero, of finite numbers.

    Raises:
        InputError: with the first row that is not finite.
    """
    if features.ndim != 2 or 0 in features.shape:
        raise InputError(
            f"{name} must have at least one row and one column, but got shape {features.shape}. "
            "Pass one row an image."
        )
    if not np.issubdtype(features.dtype, np.floating):
        raise InputError(
            f"{name} must hold floating point numbers, but got {features.dtype}. "
            "Convert it with .astype('float32')."
        )
    for start in range(0, len(features), BLOCK):
        finite = np.isfinite(features[start : start + BLOCK]).all(axis=1)
        if not finite.all():
            raise InputError(
                f"{name} must be finite, but got NaN or infinity in row "
                f"{start + int(finite.argmin())}. Extract it again or leave the image out."
            )


def check_labels(labels: Labels, num_rows: int, *, at_least: int = 1) -> int:
    """Stop unless there is one a row, 0 … classes - 1, two classes or more, none too rare.

    Args:
        labels: to check.
        num_rows: of the features.
        at_least: rows that each class must have.

    Returns:
        The number of classes.

    Raises:
        InputError: with what is wrong.
    """
    if labels.ndim != 1 or len(labels) != num_rows:
        raise InputError(
            f"labels must be one a row of {num_rows}, but got shape {labels.shape}. "
            "Pass labels and features in the same order."
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise InputError(
            f"labels must be whole numbers from 0, but got {labels.dtype} from {labels.min()}. "
            "Number the classes with numpy.unique(…, return_inverse=True)."
        )
    counts = np.bincount(labels)
    if len(counts) < 2:
        raise InputError(
            "labels must hold at least two classes, but got one. Add images of another class."
        )
    if counts.min() < at_least:
        rarest = int(counts.argmin())
        raise InputError(
            f"labels must hold each class at least {at_least} times, but got class {rarest} "
            f"{counts[rarest]} times. Add images of it, or leave it out and number the rest anew."
        )
    return len(counts)


def check_split(train: Features, labels: Labels, test: Features, *, at_least: int = 1) -> int:
    """Both of the above, for training rows, their labels and the test rows.

    Returns:
        The number of classes.

    Raises:
        InputError: with what is wrong.
    """
    check_features(train, "train")
    check_features(test, "test")
    if train.shape[1] != test.shape[1]:
        raise InputError(
            f"test must have the {train.shape[1]} columns of train, but got {test.shape[1]}. "
            "Take both from the same backbone and scales."
        )
    return check_labels(labels, len(train), at_least=at_least)


def check_test_labels(labels: Labels, num_rows: int, num_classes: int) -> None:
    """Stop unless there is one a row, of the classes that were trained on.

    Raises:
        InputError: with what is wrong.
    """
    if labels.shape != (num_rows,) or labels.min() < 0 or labels.max() >= num_classes:
        raise InputError(
            f"test_labels must be one a row of {num_rows}, from 0 to {num_classes - 1}, "
            f"but got shape {labels.shape}, {labels.min(initial=0)} to {labels.max(initial=0)}. "
            "Number them like the training labels."
        )
