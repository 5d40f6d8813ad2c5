"""`rooms`: rendered scenes that come with the package, with a class, masks and depth."""

import json
from contextlib import closing
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
    tables = [_Table.read_column("label", split) for split in ("train", "test")]
    train, test = (
        LabelledImages(t.ids, np.asarray(t.cells, dtype=np.int64), t.read, t.fingerprint)
        for t in tables
    )
    names = tuple(tables[0].features["label"]["names"])
    return ClassificationData(name="rooms", class_names=names, train=train, test=test, about=ABOUT)


def rooms_segmentation(*, cache: str | Path | None, progress: Progress) -> SegmentationData:
    """Every pixel's surface or object, one of 29; no pixel is unlabelled.

    The images have the fingerprint of `load_rooms`, so that features are shared with it.
    """
    classes = MaskClasses(names=CLASS_NAMES, first=1, ignored=frozenset({0}))
    tables = {split: _Table.read_column("semantic", split) for split in ("train", "test")}
    with closing(InspectionCache(cache)) as database:
        facts = [
            inspect_targets(
                table.targets, classes,
                cache=database, step=f"data: {split} masks", progress=progress,
            )
            for split, table in tables.items()
        ]  # fmt: skip
    train, test = ([own for own in split if isinstance(own, TargetFacts)] for split in facts)
    coding, names, remarks = classes.coding(train, test)
    return SegmentationData(
        name="rooms",
        class_names=names,
        train=tables["train"].split(coding),
        test=tables["test"].split(coding),
        about=ABOUT,
        report=DataReport(remarks=tuple(remarks)),
    )


def rooms_depth() -> DepthData:
    """Metres along the optical axis, 0.23 to 4.99, in steps of a centimetre."""
    train, test = (
        _Table.read_column("depth", split).split(DepthCoding()) for split in ("train", "test")
    )
    return DepthData(name="rooms", train=train, test=test, about=ABOUT)


@dataclass(frozen=True)
class _Table:
    """One split as it lies in its file, with one kind of target; nothing is decoded."""

    ids: tuple[str, ...]
    images: Any  # encoded bytes of each
    cells: Any  # target of each image; the encoded bytes of a picture
    features: dict[str, Any]  # column → what it holds, as Hugging Face writes it
    fingerprint: str  # of the whole file

    @classmethod
    def read_column(cls, column: str, split: str) -> "_Table":
        """The images of a split, and the targets in a column."""
        require("pyarrow", extra="compare", feature="The data set rooms")
        import pyarrow as pa
        import pyarrow.parquet as pq

        content = (files("polyscale.data") / "rooms" / f"{split}.parquet").read_bytes()
        table = pq.read_table(pa.BufferReader(content), columns=["id", "image", column])
        cells = table[column].combine_chunks()
        return cls(
            tuple(table["id"].to_pylist()),
            table["image"].combine_chunks().field("bytes"),
            cells.field("bytes") if pa.types.is_struct(cells.type) else cells,
            json.loads(table.schema.metadata[b"huggingface"])["info"]["features"],
            blake2b(content, digest_size=16).hexdigest(),
        )

    def read(self, index: int, min_side: int | None = None) -> Image.Image:
        """One image; see `ReadImage`."""
        return read_image(self.images[index].as_py(), name=self.ids[index], min_side=min_side)

    @property
    def targets(self) -> Listing:
        """The masks or depth maps."""
        return Listing(self.ids, lambda index: self.cells[index].as_py())

    def split(self, coding: MaskCoding | DepthCoding) -> DenseImages:
        """The split with a target for every pixel."""
        return DenseImages(
            ids=self.ids,
            sizes_hw=(SIZE_HW,) * len(self.ids),
            read=self.read,
            target=lambda index: coding.read(self.cells[index].as_py(), self.ids[index]),
            fingerprint=self.fingerprint,
            target_fingerprint=self.fingerprint,  # the file holds both
        )
