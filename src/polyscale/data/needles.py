"""`needles`: questions that come with the package, about small objects in the scenes of `rooms`."""

from importlib.resources import files
from typing import Any

import numpy as np

from polyscale.data.dataset import LabelledImages
from polyscale.data.embedded import ABOUT, SIZE_HW, load_rooms
from polyscale.data.pictures import Pictures
from polyscale.data.questions import Question, QuestionData, Questions
from polyscale.records import DataReport, ImageSizes


def load_needles() -> QuestionData:
    """Questions of two categories, as in V* bench, about pictures of 448×448 px.

    Each group of questions with the same text and the same options has each option as its right
    answer equally often: whoever does not see the picture is right exactly as often as by chance.
    How they were made: the README beside the data.

    Pictures have the fingerprint of `load_rooms`, so that features are shared with it.

    Raises:
        MissingExtraError: if pyarrow is not installed.
    """
    rooms = load_rooms()
    return QuestionData(
        name="needles",
        train=_read("train", rooms.train),
        test=_read("test", rooms.test),
        about=ABOUT,
        report=DataReport(sizes=ImageSizes.of([SIZE_HW])),
    )


def _read(split: str, images: LabelledImages) -> Questions:
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = (files("polyscale.data") / "needles" / f"{split}.parquet").read_bytes()
    table = pq.read_table(pa.BufferReader(content))
    return Questions(
        tuple(map(_question, table.to_pylist())),
        Pictures(images.ids, images.read, images.fingerprint),
        np.asarray(table["picture"], dtype=np.int64),
    )


def _question(row: dict[str, Any]) -> Question:
    return Question(
        id=row["id"],
        category=row["category"],
        text=row["question"],
        options=tuple(row["options"]),
        target_objects=tuple(row["target_object"]),
        boxes_xywh_px=tuple((x, y, w, h) for x, y, w, h in row["bbox"]),
    )
