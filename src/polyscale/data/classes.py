"""Whether the classes of a data set can be learned and judged."""

from collections.abc import Sequence

import numpy as np

from polyscale.data.classification import MIN_TRAIN
from polyscale.data.listing import Catalogue, Listing
from polyscale.data.report import Unreadable
from polyscale.errors import InputError

MIN_DRAWN = MIN_TRAIN + 1
"""Images that each class needs where the test images are drawn from them."""


def without_empty_classes(catalogue: Catalogue) -> tuple[Catalogue, list[str]]:
    """Take out classes that no image has, and renumber the others.

    Returns:
        The catalogue, and what to say about it.

    Raises:
        InputError: if a class has test images alone.
    """
    names, train, test = catalogue.class_names, catalogue.train, catalogue.test
    in_train = np.bincount(train.labels, minlength=len(names)) > 0
    in_test = in_train if test is None else np.bincount(test.labels, minlength=len(names)) > 0
    if (in_test & ~in_train).any():
        only = names[int(np.flatnonzero(in_test & ~in_train)[0])]
        raise InputError(
            f"class {only!r} has test images but no training images. "
            "Both splits need the same classes."
        )
    if in_train.all():
        return catalogue, []
    new = np.cumsum(in_train) - 1
    kept = Catalogue(
        tuple(n for n, there in zip(names, in_train, strict=True) if there),
        Listing(train.ids, new[train.labels], train.content),
        None if test is None else Listing(test.ids, new[test.labels], test.content),
        catalogue.about,
        catalogue.remarks,
    )
    missing = [n for n, there in zip(names, in_train, strict=True) if not there]
    return kept, [f"Classes without images, left out: {some(missing)}."]


def check_classes(
    name: str,
    class_names: Sequence[str],
    train: Listing,
    minimum: int,
    unreadable: Sequence[Unreadable],
) -> None:
    """Refuse classes with too few images left to train on.

    Raises:
        InputError: with the rarest class, and why it lost images.
    """
    if len(class_names) < 2:
        return  # ClassificationData says so better
    counts = np.bincount(train.labels, minlength=len(class_names))
    rare = int(counts.argmin())
    if counts[rare] < minimum:
        lost = [u for u in unreadable if u.class_name == class_names[rare]]
        because = (
            f"; {len(lost)} cannot be read, for example {lost[0].id} ({lost[0].reason})"
            if lost
            else ""
        )
        purpose = "to be split into train and test" if minimum == MIN_DRAWN else "to train on"
        raise InputError(
            f"data {name}: class {class_names[rare]!r} must have at least {minimum} images "
            f"{purpose}, but has {counts[rare]}{because}. Add images, or take the class out."
        )


def check_test(class_names: Sequence[str], test: Listing) -> list[str]:
    """What to say about the test images."""
    counts = np.bincount(test.labels, minlength=len(class_names))
    untested = [n for n, count in zip(class_names, counts, strict=True) if not count]
    remarks = []
    if untested:
        remarks.append(f"Classes without test images: {some(untested)}.")
    if len(test) < len(class_names):
        remarks.append(
            f"There are fewer test images ({len(test)}) than classes ({len(class_names)}): "
            "intervals will be wide."
        )
    return remarks


def some(names: Sequence[str]) -> str:
    """How many there are and the first ones, to put into a sentence."""
    return f"{len(names)} ({', '.join(map(repr, names[:3]))}{', …' if len(names) > 3 else ''})"
