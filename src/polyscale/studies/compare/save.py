"""A comparison → the files of a run."""

import csv
import io
import json
from collections.abc import Sequence
from math import isinf
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from polyscale.data import ClassificationData
from polyscale.stats import sweet_spots_by_axis

if TYPE_CHECKING:
    from polyscale.studies.compare.comparison import Comparison

GALLERY_SIZE = 24
GALLERY_PX = 448


def write_run(comparison: "Comparison", folder: Path) -> None:
    """Write all files but the report into an existing folder."""
    rows = [row.to_dict() for row in comparison.rows]
    files: dict[str, object] = {
        "results": rows,
        "contrasts": [c.to_dict() for c in comparison.contrasts],
        "verdicts": [v.to_dict() for v in comparison.verdicts],
        "sweet_spots": _sweet_spots(comparison),
        "cascades": [c.to_dict() for c in comparison.cascades],
        "data": _data(comparison.data),
        "timing": comparison.timing.to_dict(),
    }
    if comparison.probes is not None:
        files["probes"] = {name: p.to_dict() for name, p in comparison.probes.items()}
    if comparison.controls is not None:
        files["controls"] = [c.to_dict() for c in comparison.controls]
    if comparison.failures:
        files["failures"] = [f.to_dict() for f in comparison.failures]
    for name, content in files.items():
        _write_json(folder / f"{name}.json", content)
    (folder / "results.csv").write_text(_csv(rows), encoding="utf-8")
    _write_predictions(comparison, folder / "predictions.parquet")
    _write_gallery(comparison, folder / "gallery.parquet")


def _sweet_spots(comparison: "Comparison") -> dict[str, object]:
    return {
        axis: [
            {
                "budget_low": spot.low,
                "budget_high": None if isinf(spot.high) else spot.high,
                "candidate": spot.best.candidate,
            }
            for spot in spots
        ]
        for axis, spots in sweet_spots_by_axis(comparison.rows).items()
    }


def _data(data: ClassificationData) -> dict[str, object]:
    train, test = (
        np.bincount(split.labels, minlength=len(data.class_names)).tolist()
        for split in (data.train, data.test)
    )
    return {
        "name": data.name,
        "about": data.about,
        "num_train": len(data.train),
        "num_test": len(data.test),
        "classes": dict(zip(data.class_names, zip(train, test, strict=True), strict=True)),
        "report": data.report.to_dict(),
    }


def _write_json(path: Path, content: object) -> None:
    text = json.dumps(content, indent=2, allow_nan=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def _csv(rows: Sequence[dict[str, object]]) -> str:
    """One line a row; lists, settings and versions as JSON."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {k: v if isinstance(v, str | int | float) else json.dumps(v) for k, v in row.items()}
        )
    return text.getvalue()


def _write_predictions(comparison: "Comparison", path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    test, names = comparison.data.test, np.array(comparison.data.class_names)
    tables = [
        pa.table(
            {
                "candidate": [candidate] * len(test),
                "id": list(test.ids),
                "label": names[test.labels],
                "prediction": names[predicted],
                "probability": comparison.probabilities[candidate].astype(np.float32),
                "correct": predicted == test.labels,
            }
        )
        for candidate, predicted in comparison.predictions.items()
    ]
    pq.write_table(pa.concat_tables(tables), path)


def _write_gallery(comparison: "Comparison", path: Path) -> None:
    """Images on which candidates differ, the most divided first."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    test = comparison.data.test
    right = np.stack([p == test.labels for p in comparison.predictions.values()])
    share = right.mean(axis=0)
    divided = np.minimum(share, 1 - share)
    order = [int(i) for i in np.argsort(-divided, kind="stable") if divided[i] > 0][:GALLERY_SIZE]
    images = [{"bytes": _thumbnail(test.read(i)), "path": f"{i}.jpg"} for i in order]
    pq.write_table(
        pa.table(
            {
                "id": pa.array([test.ids[i] for i in order], pa.string()),
                "label": pa.array(
                    [comparison.data.class_names[test.labels[i]] for i in order], pa.string()
                ),
                "image": pa.array(
                    images, pa.struct([("bytes", pa.binary()), ("path", pa.string())])
                ),
            }
        ),
        path,
    )


def _thumbnail(image: Image.Image) -> bytes:
    small = image.copy()
    small.thumbnail((GALLERY_PX, GALLERY_PX))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
