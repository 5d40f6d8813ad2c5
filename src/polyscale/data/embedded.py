"""`rooms`: rendered scenes that come with the package."""

import json
from dataclasses import dataclass
from hashlib import blake2b
from importlib.resources import files
from typing import Any

import numpy as np
from PIL import Image

from polyscale.data.classification import ClassificationData, LabelledImages
from polyscale.data.image import read_image
from polyscale.errors import require


def load_rooms() -> ClassificationData:
    """Rooms of 448×448 px with one small target object each; its kind, one of 8, is the class.

    How they were made, their licence and their limits: the README beside the data.

    Raises:
        MissingExtraError: if pyarrow is not installed.
    """
    train, class_names = _labelled("train")
    test, _ = _labelled("test")
    return ClassificationData("rooms", class_names, train, test, about="the data set's own split")


@dataclass(frozen=True)
class RoomsTable:
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

    def read(self, index: int, min_side: int | None = None) -> Image.Image:
        """One image; see `ReadImage`."""
        return read_image(
            self.cells["image"][index].as_py(), name=self.ids[index], min_side=min_side
        )


def read_rooms(split: str, *columns: str) -> RoomsTable:
    """The images of a split and other columns, nothing decoded.

    Raises:
        MissingExtraError: if pyarrow is not installed.
    """
    require("pyarrow", extra="compare", feature="The data set rooms")
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = (files("polyscale.data") / "rooms" / f"{split}.parquet").read_bytes()
    table = pq.read_table(pa.BufferReader(content), columns=["id", "image", *columns])
    cells = {name: table[name].combine_chunks() for name in ("image", *columns)}
    return RoomsTable(
        tuple(table["id"].to_pylist()),
        {n: c.field("bytes") if pa.types.is_struct(c.type) else c for n, c in cells.items()},
        json.loads(table.schema.metadata[b"huggingface"])["info"]["features"],
        blake2b(content, digest_size=16).hexdigest(),
    )


def _labelled(split: str) -> tuple[LabelledImages, tuple[str, ...]]:
    table = read_rooms(split, "label")
    labels = np.asarray(table.cells["label"], dtype=np.int64)
    images = LabelledImages(table.ids, labels, table.read, table.fingerprint)
    return images, tuple(table.features["label"]["names"])
