"""`rooms`: rendered scenes that come with the package, with a class, masks and depth."""

import json
from dataclasses import dataclass
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from polyscale.data.dataset import (
    ClassificationData,
    DenseImages,
    DepthData,
    LabelledImages,
    SegmentationData,
)
from polyscale.data.inspection import inspect_targets
from polyscale.data.inspection_cache import InspectionCache, TargetFacts
from polyscale.data.listing import Listing
from polyscale.data.pixels import DepthCoding, MaskClasses, MaskCoding
from polyscale.decode import read_image
from polyscale.errors import require
from polyscale.records import DataReport
from polyscale.types import HW, Progress

SIZE_HW: HW = (448, 448)

CLASS_NAMES = (
    "wall", "floor", "ceiling", "window", "table", "shelf", "chair", "rug", "picture", "lamp",
    "plant", "ball", "block", "book", "bottle", "bowl", "candle", "carton", "fruit", "pencil",
    "vase", "bolt", "die", "gear", "key", "mug", "nut", "pawn", "spool",
)  # fmt: skip
"""Of the values 1 to 29, as the README beside the data lists them; 0 is unlabelled."""

ABOUT = "the data set's own split"


def load_rooms() -> ClassificationData:
    """Rooms of 448×448 px with one small target object each; its kind, one of 8, is the class.

    How they were made, their licence and their limits: the README beside the data.

    Raises:
        MissingExtraError: if pyarrow is not installed.
    """
    tables = [_Table.read_split(split, "label") for split in ("train", "test")]
    train, test = (
        LabelledImages(t.ids, np.asarray(t.cells["label"], dtype=np.int64), t.read, t.fingerprint)
        for t in tables
    )
    names = tuple(tables[0].features["label"]["names"])
    return ClassificationData(name="rooms", class_names=names, train=train, test=test, about=ABOUT)


def rooms_segmentation(*, cache: Path | None, progress: Progress) -> SegmentationData:
    """Every pixel's surface or object, one of 29; no pixel is unlabelled.

    The images have the fingerprint of `load_rooms`, so that features are shared with it.
    """
    classes = MaskClasses(names=CLASS_NAMES, first=1, ignored=frozenset({0}))
    coding, names = classes.coding([])
    train, test = (_Table.read_split(split, "semantic") for split in ("train", "test"))
    database = InspectionCache(cache)
    try:
        train_facts, test_facts = (
            inspect_targets(
                table.targets("semantic"), classes.word, classes.summary,
                cache=database, step=f"data: {split} masks", progress=progress,
            )
            for table, split in ((train, "train"), (test, "test"))
        )  # fmt: skip
    finally:
        database.close()
    remarks = coding.unseen(
        names,
        [facts for facts in train_facts if isinstance(facts, TargetFacts)],
        [facts for facts in test_facts if isinstance(facts, TargetFacts)],
    )
    return SegmentationData(
        name="rooms",
        class_names=names,
        train=train.dense("semantic", coding),
        test=test.dense("semantic", coding),
        about=ABOUT,
        report=DataReport(remarks=tuple(remarks)),
    )


def rooms_depth() -> DepthData:
    """Metres along the optical axis, 0.23 to 4.99, in steps of a centimetre."""
    coding = DepthCoding()
    train, test = (
        _Table.read_split(split, "depth").dense("depth", coding) for split in ("train", "test")
    )
    return DepthData(name="rooms", train=train, test=test, about=ABOUT)


@dataclass(frozen=True)
class _Table:
    """One split as it lies in its file.

    Attributes:
        ids: name of each image.
        cells: column → its cells; pictures are their encoded bytes.
        features: column → what it holds, as Hugging Face writes it.
        fingerprint: of the whole file.
    """

    ids: tuple[str, ...]
    cells: dict[str, Any]
    features: dict[str, Any]
    fingerprint: str

    @classmethod
    def read_split(cls, split: str, column: str) -> "_Table":
        """The images of a split and another column, nothing decoded."""
        require("pyarrow", extra="compare", feature="The data set rooms")
        import pyarrow as pa
        import pyarrow.parquet as pq

        content = (files("polyscale.data") / "rooms" / f"{split}.parquet").read_bytes()
        table = pq.read_table(pa.BufferReader(content), columns=["id", "image", column])
        cells = {name: table[name].combine_chunks() for name in ("image", column)}
        return cls(
            tuple(table["id"].to_pylist()),
            {n: c.field("bytes") if pa.types.is_struct(c.type) else c for n, c in cells.items()},
            json.loads(table.schema.metadata[b"huggingface"])["info"]["features"],
            blake2b(content, digest_size=16).hexdigest(),
        )

    def read(self, index: int, min_side: int | None = None) -> Image.Image:
        """One image; see `ReadImage`."""
        return read_image(
            self.cells["image"][index].as_py(), name=self.ids[index], min_side=min_side
        )

    def targets(self, column: str) -> Listing:
        """The masks or depth maps of a column."""
        cells = self.cells[column]
        return Listing(self.ids, lambda index: cells[index].as_py())

    def dense(self, column: str, coding: MaskCoding | DepthCoding) -> DenseImages:
        """The split with a target for every pixel."""
        targets = self.targets(column)
        return DenseImages(
            ids=self.ids,
            sizes_hw=(SIZE_HW,) * len(self.ids),
            read=self.read,
            target=lambda index: coding.read(targets.content(index), targets.ids[index]),
            fingerprint=self.fingerprint,
            target_fingerprint=self.fingerprint,  # the file holds both
        )
