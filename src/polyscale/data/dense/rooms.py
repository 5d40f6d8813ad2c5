"""`rooms` with a class or a depth for every pixel."""

from pathlib import Path

from polyscale.data.assemble import silent
from polyscale.data.dense import DenseImages, DepthData, SegmentationData
from polyscale.data.dense.assemble import unseen
from polyscale.data.dense.depth_maps import DepthCoding
from polyscale.data.dense.listing import NamedFiles
from polyscale.data.dense.masks import Classes, MaskCoding
from polyscale.data.dense.target_inspection import MASKS, TargetFacts, inspect_targets
from polyscale.data.embedded import RoomsTable, read_rooms
from polyscale.data.inspection import Progress
from polyscale.data.inspection_cache import InspectionCache
from polyscale.data.report import DataReport
from polyscale.types import HW

SIZE_HW: HW = (448, 448)

CLASS_NAMES = (
    "wall", "floor", "ceiling", "window", "table", "shelf", "chair", "rug", "picture", "lamp",
    "plant", "ball", "block", "book", "bottle", "bowl", "candle", "carton", "fruit", "pencil",
    "vase", "bolt", "die", "gear", "key", "mug", "nut", "pawn", "spool",
)  # fmt: skip
"""Of the values 1 to 29, as the README beside the data lists them; 0 is unlabelled."""

ABOUT = "the data set's own split"


def rooms_segmentation(
    *, cache: Path | None = None, progress: Progress = silent
) -> SegmentationData:
    """Every pixel's surface or object, one of 29; no pixel is unlabelled.

    The images have the fingerprint of `load_rooms`, so that features are shared with it.

    Args:
        cache: folder for what is found in masks; None keeps nothing.
        progress: told what is being done.

    Raises:
        MissingExtraError: if pyarrow is not installed.
    """
    classes = Classes(names=CLASS_NAMES, first=1, ignored=frozenset({0}))
    train, test = (read_rooms(split, "semantic") for split in ("train", "test"))
    database = InspectionCache(cache)
    try:
        found = [
            _facts(table, database, f"data: {split} masks", progress)
            for table, split in ((train, "train"), (test, "test"))
        ]
    finally:
        database.close()
    coding, names = classes.coding([])
    return SegmentationData(
        name="rooms",
        class_names=names,
        train=_images(train, "semantic", coding),
        test=_images(test, "semantic", coding),
        about=ABOUT,
        report=DataReport(remarks=tuple(unseen(names, coding, found[0], found[1]))),
    )


def rooms_depth() -> DepthData:
    """Metres along the optical axis, 0.23 to 4.99, in steps of a centimetre.

    Raises:
        MissingExtraError: if pyarrow is not installed.
    """
    coding = DepthCoding()
    train, test = (_images(read_rooms(s, "depth"), "depth", coding) for s in ("train", "test"))
    return DepthData(
        name="rooms",
        train=train,
        test=test,
        about=ABOUT,
        min_depth_m=coding.min_m,
        max_depth_m=coding.max_m,
    )


def _targets(table: RoomsTable, column: str) -> NamedFiles:
    cells = table.cells[column]
    return NamedFiles(table.ids, lambda index: cells[index].as_py())


def _facts(
    table: RoomsTable, cache: InspectionCache, step: str, progress: Progress
) -> list[TargetFacts]:
    masks = _targets(table, "semantic")
    found = inspect_targets(masks, MASKS, cache=cache, step=step, progress=progress)
    return [facts for facts in found if isinstance(facts, TargetFacts)]


def _images(table: RoomsTable, column: str, coding: MaskCoding | DepthCoding) -> DenseImages:
    targets = _targets(table, column)
    return DenseImages(
        ids=table.ids,
        sizes_hw=(SIZE_HW,) * len(table.ids),
        read=table.read,
        target=lambda index: coding.read(targets.content(index), targets.ids[index]),
        fingerprint=table.fingerprint,
        target_fingerprint=table.fingerprint,  # the file holds both
    )
