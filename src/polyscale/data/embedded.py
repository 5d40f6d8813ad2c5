"""`rooms`: rendered scenes that come with the package."""

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
    require("pyarrow", extra="compare", feature="The data set rooms")
    train, class_names = _read_split("train")
    test, _ = _read_split("test")
    return ClassificationData("rooms", class_names, train, test, about="the data set's own split")


def _read_split(split: str) -> tuple[LabelledImages, tuple[str, ...]]:
    import json

    import pyarrow.parquet as pq

    file = files("polyscale.data") / "rooms" / f"{split}.parquet"
    content = file.read_bytes()
    import pyarrow as pa

    table = pq.read_table(pa.BufferReader(content), columns=["id", "image", "label"])
    features: dict[str, Any] = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    ids = tuple(table["id"].to_pylist())
    images = table["image"].combine_chunks().field("bytes")

    def read(index: int, min_side: int | None = None) -> Image.Image:
        return read_image(images[index].as_py(), name=ids[index], min_side=min_side)

    return (
        LabelledImages(
            ids=ids,
            labels=np.asarray(table["label"], dtype=np.int64),
            read=read,
            fingerprint=blake2b(content, digest_size=16).hexdigest(),
        ),
        tuple(features["label"]["names"]),
    )
