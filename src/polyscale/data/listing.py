"""What a source names, before any image is opened, and how it is divided into train and test."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyscale.data.pixels import PixelTargets
from polyscale.errors import InputError

Content = Path | bytes

MAX_LABEL_CELLS = 2**31
"""Images times labels: a byte each. Labels of more kinds come from a wrong column."""

TEST_SHARE = 1 / 3
"""Of the images that are drawn for testing, of each class, where the data has no test split."""

ROLES = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "val": ("val", "valid", "validation", "dev"),
}
"""What data sets call their splits, in lower case."""


@dataclass(frozen=True)
class Listing:
    """Files, each with a target if there are any.

    Attributes:
        ids: name of each file, unique.
        content: index of a file → where it is, or its bytes; may be called from several threads,
            and may raise `UnreadableImageError`.
        targets: a value for each image along the first axis, as `LabelledImages` has them; or a
            listing of files with a value for every pixel, in the same order.
        facts: what was found in each file; empty until they are read.
    """

    ids: tuple[str, ...]
    content: Callable[[int], Content]
    targets: "NDArray[Any] | Listing | None" = None
    facts: Sequence[Any] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def values(self) -> NDArray[Any]:
        """The targets, where each image has one."""
        assert isinstance(self.targets, np.ndarray)
        return self.targets

    @property
    def target_files(self) -> "Listing":
        """The targets, where there is a file for each image."""
        assert isinstance(self.targets, Listing)
        return self.targets

    @property
    def has_classes(self) -> bool:
        """Whether the targets are classes, one for each image."""
        return isinstance(self.targets, np.ndarray) and self.targets.dtype == np.int64

    @property
    def classes(self) -> NDArray[np.int64]:
        """Class of each image (num_images,); 0 for all of them where the targets are no classes."""
        return self.values if self.has_classes else np.zeros(len(self), np.int64)

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> "Listing":
        """The images at the indices, in their order."""
        chosen = np.asarray(indices, dtype=np.int64)
        content, targets = self.content, self.targets
        if isinstance(targets, Listing):
            targets = targets.take(chosen)
        elif targets is not None:
            targets = targets[chosen]
        return Listing(
            tuple(self.ids[i] for i in chosen),
            lambda index: content(int(chosen[index])),
            targets,
            [self.facts[i] for i in chosen] if self.facts else (),
        )


@dataclass(frozen=True)
class Catalogue:
    """What a source holds.

    Attributes:
        splits: what is trained on and what is tested on; or everything, where the test images have
            yet to be drawn.
        about: where the split comes from, in words; None where it has yet to be drawn.
        remarks: what the user should know, as sentences.
        class_names: of targets that are classes or labels.
        pixels: what the numbers in the targets' files mean, where the targets are files.
        sampled: how the images were sampled, to be added to `about`.
        num_unlimited: images of the last split, from which a limit drew; None without a limit.
    """

    splits: Sequence[Listing]
    about: str | None
    remarks: Sequence[str] = ()
    class_names: Sequence[str] = ()
    pixels: PixelTargets | None = None
    sampled: str = ""
    num_unlimited: int | None = None

    @property
    def has_classes(self) -> bool:
        """Whether each image has exactly one class."""
        return self.splits[0].has_classes


def list_files(
    files: Sequence[tuple[str, Path]], targets: "NDArray[Any] | Listing | None" = None
) -> Listing:
    """A listing of files: id and path of each."""
    paths = [path for _, path in files]
    return Listing(tuple(name for name, _ in files), paths.__getitem__, targets)


def list_classes(
    files: Sequence[tuple[Path, str]], class_names: Sequence[str], root: Path
) -> Listing:
    """A listing of files with one class name each; their ids are their paths below the root."""
    labels = to_targets("label", [name for _, name in files], class_names)
    return list_files([(path.relative_to(root).as_posix(), path) for path, _ in files], labels)


def split_labels(cell: str, separator: str) -> frozenset[str]:
    """The labels in a text with a separator between them; empty ones are none."""
    return frozenset(label.strip() for label in cell.split(separator)) - {""}


def to_targets(kind: str, values: Sequence[Any], class_names: Sequence[str]) -> NDArray[Any]:
    """Targets of images as an array with the images along the first axis.

    Args:
        kind: `label` (a class for each image, which becomes its index, int64), `labels` (a
            collection, which becomes a column for each label, bool) or `number` (float64).
        values: of each image.
        class_names: of classes or labels.
    """
    if kind == "number":
        return np.array(values, dtype=np.float64)
    numbers = {name: i for i, name in enumerate(class_names)}
    if kind == "label":
        return np.array([numbers[value] for value in values], dtype=np.int64)
    if len(values) * len(class_names) > MAX_LABEL_CELLS:
        raise InputError(
            f"images times labels must be at most {MAX_LABEL_CELLS:.1e}, but there are "
            f"{len(values)} images and {len(class_names)} different labels. Check the column's "
            "name and the separator."
        )
    targets = np.zeros((len(values), len(class_names)), dtype=bool)
    for row, labels in zip(targets, values, strict=True):
        row[[numbers[label] for label in labels]] = True
    return targets


def role_of(name: str) -> str | None:
    """`train`, `val` or `test`, whatever the data calls it; None for any other name."""
    return next((role for role, names in ROLES.items() if name.lower() in names), None)


def assign_roles(
    names: Iterable[str], *, where: str, train: str | None = None, test: str | None = None
) -> tuple[Sequence[str], str | None]:
    """Choose the splits to train and to test on, and say in words where they come from.

    The test split is `test`, or `val` where there is none. A single split serves for both: the test
    images are drawn from it, and there are no words yet.
    """
    known = list(names)
    for option, value in (("train", train), ("test", test)):
        if value is not None and value not in known:
            raise InputError(
                f"{option} must be a split of {where} ({', '.join(known)}), but got {value!r}."
            )
    by_role = {role: next((n for n in known if role_of(n) == role), None) for role in ROLES}
    train = train or by_role["train"]
    if train is None and test is None and len(known) == 1:
        return known, None
    test = test or next((n for n in (by_role["test"], by_role["val"]) if n and n != train), None)
    if train is None or train == test:
        raise InputError(
            f"{where} must have splits called train and test or val, but has {', '.join(known)}. "
            "Rename them, or leave one."
        )
    if test is None:
        return [train], None
    unused = [n for n in known if n not in (train, test)]
    left_out = f"; {' and '.join(unused)} left out" if unused else ""
    return [train, test], f"the data's own {train} and {test}{left_out}"


def draw_test(images: Listing, *, seed: int) -> tuple[Listing, Listing]:
    """Draw a third of the images for testing, see `is_drawn_for_test`."""
    drawn = is_drawn_for_test(images.ids, images.classes, seed=seed)
    return images.take(np.flatnonzero(~drawn)), images.take(np.flatnonzero(drawn))


def is_drawn_for_test(
    ids: Sequence[str], classes: NDArray[np.int64], *, seed: int
) -> NDArray[np.bool_]:
    """Which images a draw of a third takes for testing: of each class, at least one (num_images,).

    The draw goes by a hash of the seed and the image's id: it does not depend on the order of the
    images or on the machine, and a new image moves at most one other of its class.
    """
    drawn = np.zeros(len(ids), dtype=bool)
    for members in in_drawn_order(ids, classes, f"test {seed}"):
        drawn[members[: max(1, round(len(members) * TEST_SHARE))]] = True
    return drawn


def sample(images: Listing, per_class: int, *, seed: int) -> Listing:
    """At most `per_class` images of each class, or of all where there are no classes.

    They are drawn as `draw_test` does. A smaller sample is part of a larger one.
    """
    classes = in_drawn_order(images.ids, images.classes, f"sample {seed}")
    members = [members[:per_class] for members in classes]
    return images.take(np.sort(np.concatenate(members))) if members else images


def sample_splits(catalogue: Catalogue, num: int, *, seed: int) -> Catalogue:
    """At most `num` images of each split, of each class where the images have classes."""
    of = "of a class in" if catalogue.has_classes else "of"
    return replace(
        catalogue,
        splits=[sample(split, num, seed=seed) for split in catalogue.splits],
        sampled=f"; at most {num} images {of} each split drawn by seed {seed}",
    )


def in_drawn_order(
    ids: Sequence[str], classes: NDArray[np.int64], salt: str
) -> list[NDArray[np.int64]]:
    """Indices of each class's images in the order of the draw."""
    keys = np.array(
        [blake2b(f"{salt}\0{name}".encode(), digest_size=16).hexdigest() for name in ids]
    )
    order = np.lexsort((keys, classes))
    starts = np.flatnonzero(np.diff(classes[order])) + 1
    return np.split(order, starts) if len(order) else []
