"""A comparison → the files of a run."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from polyscale.data import ClassificationData
from polyscale.studies.run_files import GALLERY_PX, jpeg, write_common, write_json

if TYPE_CHECKING:
    from polyscale.studies.compare.comparison import Comparison

GALLERY_SIZE = 24


def write_run(comparison: "Comparison", folder: Path) -> None:
    """Write all files but the report into an existing folder."""
    write_common(
        folder,
        rows=comparison.rows,
        contrasts=comparison.contrasts,
        verdicts=comparison.verdicts,
        failures=comparison.failures,
        timing=comparison.timing,
    )
    write_json(folder / "cascades.json", [c.to_dict() for c in comparison.cascades])
    write_json(folder / "data.json", _data(comparison.data))
    if comparison.probes is not None:
        probes = {name: p.to_dict() for name, p in comparison.probes.items()}
        write_json(folder / "probes.json", probes)
    if comparison.controls is not None:
        write_json(folder / "controls.json", [c.to_dict() for c in comparison.controls])
    _write_predictions(comparison, folder / "predictions.parquet")
    _write_gallery(comparison, folder / "gallery.parquet")


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
    return jpeg(small)
