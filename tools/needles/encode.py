"""Questions → the rows of a Parquet file."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from tools.needles.ask import WORDS, Asked

SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "picture": pa.int32(),
        "category": pa.string(),
        "question": pa.string(),
        "options": pa.list_(pa.string()),
        "target_object": pa.list_(pa.string()),
        "bbox": pa.list_(pa.list_(pa.int32())),
    }
)


def to_bytes(asked: Sequence[Asked]) -> bytes:
    """The questions as a Parquet file."""
    numbers = Counter[str]()
    rows = []
    for one in asked:
        name = f"{one.category}/{one.scene.id}"
        rows.append(
            {
                "id": f"{name}_{numbers[name]}",
                "picture": one.scene.picture,
                "category": one.category,
                "question": one.text,
                "options": list(one.options),
                "target_object": [WORDS.get(kind, kind) for kind in one.kinds],
                "bbox": [list(one.scene.found[kind].box_xywh_px) for kind in one.kinds],
            }
        )
        numbers[name] += 1
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), buffer, compression="zstd")
    return buffer.getvalue()
