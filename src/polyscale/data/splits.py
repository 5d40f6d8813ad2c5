"""Which images probes learn from and which ones judge them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from polyscale.data.listing import Listing
from polyscale.errors import InputError

TEST_SHARE = 1 / 3
"""Of each class's images, where the data has no splits of its own."""

ROLES = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "val": ("val", "valid", "validation", "dev"),
}
"""What data sets call their splits, whatever the case."""


@dataclass(frozen=True)
class Roles:
    """The names of the splits that are used.

    Attributes:
        train: of what probes learn from.
        test: of what judges them, or None where it has yet to be drawn.
        about: both in words, or None.
    """

    train: str
    test: str | None
    about: str | None


def role_of(name: str) -> str | None:
    """`train`, `val` or `test`, whatever the data calls it; None for any other name."""
    return next((role for role, names in ROLES.items() if name.lower() in names), None)


def assign_roles(
    names: Iterable[str], *, where: str, train: str | None = None, test: str | None = None
) -> Roles:
    """Choose among a data set's splits.

    `test` judges, or `val` where there is none; from one split alone both are drawn.

    Args:
        names: of the splits there are.
        where: the data, as errors call it.
        train: the user's choice.
        test: the user's choice.

    Raises:
        InputError: if the names don't say, or there are no such splits.
    """
    there = list(names)
    for option, value in (("train", train), ("test", test)):
        if value is not None and value not in there:
            raise InputError(
                f"{option} must be a split of {where} ({', '.join(there)}), but got {value!r}."
            )
    found = {role: next((n for n in there if role_of(n) == role), None) for role in ROLES}
    chosen = train or found["train"]
    judge = test or next((n for n in (found["test"], found["val"]) if n and n != chosen), None)
    if chosen is None and len(there) == 1 and test is None:
        return Roles(there[0], None, None)
    if chosen is None or chosen == judge:
        raise InputError(
            f"{where} must have splits called train and test or val, but has {', '.join(there)}. "
            "Rename them, or leave one."
        )
    if judge is None:
        return Roles(chosen, None, None)
    rest = [n for n in there if n not in (chosen, judge)]
    left_out = f"; {' and '.join(rest)} left out" if rest else ""
    return Roles(chosen, judge, f"the data's own {chosen} and {judge}{left_out}")


def draw_test(images: Listing, *, seed: int) -> tuple[Listing, Listing]:
    """Draw a third of each class for testing, at least one image.

    The draw goes by a hash of the seed and the image's id: it does not depend on the order of the
    images or on the machine, and a new image moves at most one other of its class.
    """
    chosen = is_drawn(images.ids, images.labels, seed=seed)
    return images.take(np.flatnonzero(~chosen)), images.take(np.flatnonzero(chosen))


def is_drawn(ids: Sequence[str], labels: NDArray[np.int64], *, seed: int) -> NDArray[np.bool_]:
    """Whether `draw_test` takes each image for testing."""
    chosen = np.zeros(len(ids), dtype=bool)
    for members in _by_class(ids, labels, f"test {seed}"):
        chosen[members[: max(1, round(len(members) * TEST_SHARE))]] = True
    return chosen


def sample(images: Listing, per_class: int, *, seed: int) -> Listing:
    """At most `per_class` images of each class, drawn as `draw_test` does.

    A smaller sample is part of a larger one.
    """
    drawn = _by_class(images.ids, images.labels, f"sample {seed}")
    members = [members[:per_class] for members in drawn]
    return images.take(np.sort(np.concatenate(members))) if members else images


def draw(ids: Sequence[str], num: int, *, seed: int) -> NDArray[np.int64]:
    """Rising indices of at most `num` images, drawn likewise, whatever their classes."""
    drawn = _by_class(ids, np.zeros(len(ids), np.int64), f"sample {seed}")
    return (
        np.sort(np.concatenate([members[:num] for members in drawn]))
        if drawn
        else np.zeros(0, np.int64)
    )


def _by_class(ids: Sequence[str], labels: NDArray[np.int64], salt: str) -> list[NDArray[np.int64]]:
    """Indices of each class's images in the order of the draw."""
    keys = np.array(
        [blake2b(f"{salt}\0{name}".encode(), digest_size=16).hexdigest() for name in ids]
    )
    order = np.lexsort((keys, labels))
    starts = np.flatnonzero(np.diff(labels[order])) + 1
    return np.split(order, starts) if len(order) else []
