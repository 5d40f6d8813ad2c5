"""What `compare` returns, and how it is kept in a folder."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polyscale.data import ClassificationData
from polyscale.stats import judge
from polyscale.types import Contrast, Result, Verdict

GALLERY_SIZE = 24
GALLERY_PX = 448


@dataclass(frozen=True)
class Comparison:
    """Candidates on the same images.

    Attributes:
        rows: one for each candidate.
        contrasts: one for each pair of candidates.
        predictions: candidate → predicted class of each test image (num_test,).
        probabilities: candidate → probability given to the true class (num_test,).
        data: what they were compared on.
    """

    rows: tuple[Result, ...]
    contrasts: tuple[Contrast, ...]
    predictions: dict[str, NDArray[np.int64]]
    probabilities: dict[str, NDArray[np.float64]]
    data: ClassificationData

    @property
    def verdicts(self) -> list[Verdict]:
        """Whether the larger model is needed, for each family that has one."""
        return judge(self.rows, self.contrasts)

    def save(self, folder: Path) -> None:
        """Write rows, contrasts, predictions and a gallery into an existing folder."""
        rows = [row.to_dict() for row in self.rows]
        _write_json(folder / "results.json", rows)
        _write_json(folder / "contrasts.json", [c.to_dict() for c in self.contrasts])
        (folder / "results.csv").write_text(_csv(rows), encoding="utf-8")
        _write_predictions(self, folder / "predictions.parquet")
        _write_gallery(self, folder / "gallery.parquet")


def _write_json(path: Path, rows: Sequence[dict[str, object]]) -> None:
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


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


def _write_predictions(comparison: Comparison, path: Path) -> None:
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


def _write_gallery(comparison: Comparison, path: Path) -> None:
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
