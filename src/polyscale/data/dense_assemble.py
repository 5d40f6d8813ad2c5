"""What a source names → a data set with a target for every pixel: looked at, split, reported."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polyscale.data.assemble import silent
from polyscale.data.classes import some
from polyscale.data.dense import DenseImages, DepthData, SegmentationData
from polyscale.data.dense_listing import DenseCatalogue
from polyscale.data.dense_look import Looked, look
from polyscale.data.depth_maps import DepthCoding
from polyscale.data.duplicates import find_near_duplicates
from polyscale.data.fingerprint import fingerprint
from polyscale.data.image import read_image
from polyscale.data.inspection import Progress
from polyscale.data.inspection_cache import InspectionCache
from polyscale.data.masks import Classes, MaskCoding
from polyscale.data.report import DataReport
from polyscale.data.splits import is_drawn
from polyscale.data.target_inspection import DEPTH_MAPS, MASKS, TargetFacts, TargetKind
from polyscale.errors import InputError

MIN_TRAIN = 2
"""Images that a head needs for training: one to learn from and one to choose with."""


@dataclass(frozen=True)
class _Splits:
    train: Looked
    test: Looked
    about: str
    report: DataReport


def assemble_segmentation(
    name: str,
    catalogue: DenseCatalogue,
    classes: Classes,
    *,
    seed: int = 0,
    cache: Path | None = None,
    progress: Progress = silent,
) -> SegmentationData:
    """Look at every image and mask, leave out what cannot be used, split, search for copies.

    Args:
        name: what the user called the data.
        catalogue: what the source holds.
        classes: what its masks hold.
        seed: of the split, where there is none.
        cache: folder for what is found in files; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if images or classes are not enough, or a mask does not fit its image or the
            classes.
    """
    splits = _gather(name, catalogue, MASKS, classes.check, seed, cache, progress)
    coding, names = classes.coding([*splits.train.targets, *splits.test.targets])
    if len(names) < 2:
        raise InputError(
            f"masks of data {name} must hold at least two classes, but hold only "
            f"{', '.join(names) or 'none'} besides those ignored "
            f"({', '.join(map(str, sorted(classes.ignored))) or 'none'}). "
            "Where 255 is a class, say ?ignore=none."
        )
    return SegmentationData(
        name=name,
        class_names=names,
        train=_images(splits.train, coding),
        test=_images(splits.test, coding),
        about=splits.about,
        report=DataReport(
            splits.report.unreadable,
            splits.report.near_duplicates,
            (
                *splits.report.remarks,
                *unseen(names, coding, splits.train.targets, splits.test.targets),
            ),
        ),
    )


def assemble_depth(
    name: str,
    catalogue: DenseCatalogue,
    coding: DepthCoding,
    *,
    crop_yxyx: tuple[float, float, float, float] | None = None,
    seed: int = 0,
    cache: Path | None = None,
    progress: Progress = silent,
) -> DepthData:
    """Likewise for depth; see `assemble_segmentation` and `DepthData`."""
    splits = _gather(name, catalogue, DEPTH_MAPS, coding.check, seed, cache, progress)
    return DepthData(
        name=name,
        train=_images(splits.train, coding),
        test=_images(splits.test, coding),
        about=splits.about,
        report=splits.report,
        min_depth_m=coding.min_m,
        max_depth_m=coding.max_m,
        crop_yxyx=crop_yxyx,
    )


def unseen(
    names: Sequence[str],
    coding: MaskCoding,
    train: Sequence[TargetFacts],
    test: Sequence[TargetFacts],
) -> list[str]:
    """What to say about classes that a split lacks."""
    remarks = []
    for split, masks, so in (
        ("training", train, "nothing can learn them"),
        ("test", test, "nothing is known of how well they are found"),
    ):
        seen = {value for mask in masks for value in mask.values} - coding.ignored
        absent = [n for n, value in zip(names, coding.values, strict=True) if value not in seen]
        if absent:
            remarks.append(f"Classes in no {split} image: {some(absent)}; {so}.")
    return remarks


def _gather(
    name: str,
    catalogue: DenseCatalogue,
    kind: TargetKind,
    check: Callable[[str, TargetFacts], bool],
    seed: int,
    cache: Path | None,
    progress: Progress,
) -> _Splits:
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
                f"can be used, but has {len(found)}{why}. Add images, or repair the files."
            )
    return _Splits(
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
    drawn: NDArray[np.bool_] = is_drawn(ids, np.zeros(len(ids), dtype=np.int64), seed=seed)
    return everything.take(np.flatnonzero(~drawn)), everything.take(np.flatnonzero(drawn))


def _images(found: Looked, coding: MaskCoding | DepthCoding) -> DenseImages:
    images, targets = found.listing.images, found.listing.targets

    def read(index: int, min_side: int | None = None) -> Image.Image:
        return read_image(images.content(index), name=images.ids[index], min_side=min_side)

    return DenseImages(
        ids=images.ids,
        sizes_hw=tuple(facts.image_hw for facts in found.images),
        read=read,
        target=lambda index: coding.read(targets.content(index), targets.ids[index]),
        fingerprint=fingerprint(images.ids, [facts.digest for facts in found.images]),
        target_fingerprint=fingerprint(
            images.ids, [facts.digest for facts in found.targets], repr(coding)
        ),
    )
