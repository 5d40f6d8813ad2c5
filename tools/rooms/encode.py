"""Samples to bytes, and rows to Parquet files that Hugging Face `datasets` decodes as images."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image
from tools.rooms.classes import TARGET_KINDS
from tools.rooms.sample import Sample

WEBP_QUALITY = 88
DEPTH_STEP_MM = 10
ROWS_A_GROUP = 32

_FILE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
_COLUMNS = {
    "id": (pa.string(), {"dtype": "string", "_type": "Value"}),
    "image": (_FILE, {"_type": "Image"}),
    "depth": (_FILE, {"_type": "Image"}),
    "semantic": (_FILE, {"_type": "Image"}),
    "label": (pa.int64(), {"names": list(TARGET_KINDS), "_type": "ClassLabel"}),
    "target_box_yxyx_px": (
        pa.list_(pa.int32()),
        {"feature": {"dtype": "int32", "_type": "Value"}, "_type": "Sequence"},
    ),
    "target_area_px": (pa.int32(), {"dtype": "int32", "_type": "Value"}),
    "target_visible_fraction": (pa.float32(), {"dtype": "float32", "_type": "Value"}),
    "fov_deg": (pa.float32(), {"dtype": "float32", "_type": "Value"}),
}


def encode(sample: Sample, sample_id: str) -> dict[str, Any]:
    """One row: image as WebP, depth as 16-bit PNG in millimetres, semantic as 8-bit PNG."""
    steps = np.round(sample.depth_m * 1000 / DEPTH_STEP_MM)
    return {
        "id": sample_id,
        "image": _file(sample.image, f"{sample_id}.webp", quality=WEBP_QUALITY, method=6),
        "depth": _file((steps * DEPTH_STEP_MM).astype(np.uint16), f"{sample_id}_depth.png"),
        "semantic": _file(sample.semantic, f"{sample_id}_semantic.png"),
        "label": sample.label,
        "target_box_yxyx_px": list(sample.target_box_yxyx_px),
        "target_area_px": sample.target_area_px,
        "target_visible_fraction": sample.target_visible_fraction,
        "fov_deg": sample.fov_deg,
    }


def _file(pixels: NDArray[Any], name: str, **options: int) -> dict[str, Any]:
    buffer = io.BytesIO()
    if name.endswith(".webp"):
        Image.fromarray(pixels).save(buffer, "WEBP", **options)
    else:
        Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return {"bytes": buffer.getvalue(), "path": name}


def schema() -> pa.Schema:
    """Column types, with the feature description that `datasets` looks for."""
    features = {name: feature for name, (_, feature) in _COLUMNS.items()}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.schema([(name, kind) for name, (kind, _) in _COLUMNS.items()], metadata=metadata)


def write_parquet(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as they come, in groups of ROWS_A_GROUP."""
    with pq.ParquetWriter(path, schema(), compression="zstd", use_dictionary=False) as writer:
        for group in _groups(iter(rows)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema()))


def _groups(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while group := list(islice(rows, ROWS_A_GROUP)):
        yield group
