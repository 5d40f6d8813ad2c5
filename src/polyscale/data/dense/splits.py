"""Pairs of images and targets → what heads learn from and what judges them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polyscale.data.dense.listing import DenseCatalogue
from polyscale.data.dense.look import Looked, look
from polyscale.data.dense.target_inspection import TargetFacts, TargetKind
from polyscale.data.duplicates import find_near_duplicates
from polyscale.data.inspection import Progress
from polyscale.data.inspection_cache import InspectionCache
from polyscale.data.report import DataReport
from polyscale.data.splits import is_drawn
from polyscale.errors import InputError

MIN_TRAIN = 2
"""Images that a head needs for training: one to learn from and one to choose with."""


@dataclass(frozen=True)
class Splits:
    """Both splits.

    Attributes:
        train: what heads learn from.
        test: what they are judged on.
        about: where the split comes from, in words.
        report: what was found wrong.
    """

    train: Looked
    test: Looked
    about: str
    report: DataReport


def gather(
    name: str,
    catalogue: DenseCatalogue,
    kind: TargetKind,
    check: Callable[[str, TargetFacts], bool],
    seed: int,
    cache: Path | None,
    progress: Progress,
) -> Splits:
    """Look at every image and target, leave out what cannot be used, split, search for copies.

    Args:
        name: what the user called the data.
        catalogue: what the source holds.
        kind: masks or depth maps.
        check: name and facts of a target → whether any pixel of it counts; may raise.
        seed: of the split, where there is none.
        cache: folder for what is found in files; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if too few images are left, or a target has not the size of its image.
    """
    parts = [("", catalogue.train)]
    if catalogue.test is not None:
        parts = [("train ", catalogue.train), ("test ", catalogue.test)]
    database = InspectionCache(cache)
    try:
        looked = [
            look(listing, kind, check, database, f"data: {split}", progress)
            for split, listing in parts
        ]
    finally:
        database.close()
    train, test = looked if len(looked) > 1 else _draw(looked[0], seed)
    lost = [reason for split in looked for reason in split.lost]
    for split, found, minimum in (("training", train, MIN_TRAIN), ("test", test, 1)):
        if len(found) < minimum:
            why = f" ({lost[0]})" if lost else ""
            raise InputError(
                f"data {name} must have at least {minimum} {split} images with a {kind.word} that "
                f"can be used, but has {len(found)}{why}. {kind.advice}"
            )
    return Splits(
        train,
        test,
        catalogue.about or f"a third of the images drawn for testing by seed {seed}",
        DataReport(
            unreadable=tuple(u for split in looked for u in split.unreadable),
            near_duplicates=find_near_duplicates(
                train.images, train.listing.images.ids, test.images, test.listing.images.ids
            ),
            remarks=(*catalogue.remarks, *(r for split in looked for r in split.remarks)),
        ),
    )


def _draw(everything: Looked, seed: int) -> tuple[Looked, Looked]:
    ids = everything.listing.images.ids
    drawn = is_drawn(ids, np.zeros(len(ids), dtype=np.int64), seed=seed)
    return everything.take(np.flatnonzero(~drawn)), everything.take(np.flatnonzero(drawn))
