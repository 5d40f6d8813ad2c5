"""A dense comparison → the files of a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from polyscale.data import SegmentationData
from polyscale.heads.dense.head_file import save_head
from polyscale.stats import class_iou, size_means, sizes_json
from polyscale.studies.dense.rows import head_file
from polyscale.studies.dense.segmentation import SegmentationTask
from polyscale.studies.run_files import write_common, write_json

if TYPE_CHECKING:
    from polyscale.studies.dense.comparison import DenseComparison

HEAD_SETTINGS = (
    "task",
    "data",
    "source",
    "dtype",
    "grid",
    "merge",
    "split",
    "views",
    "margin",
    "seed",
)
"""Of a run, that a head's file keeps."""


def write_dense_run(comparison: "DenseComparison", folder: Path) -> None:
    """Write all files but the report into an existing folder."""
    write_common(
        folder,
        rows=comparison.rows,
        contrasts=comparison.contrasts,
        verdicts=comparison.verdicts,
        failures=comparison.failures,
        timing=comparison.timing,
    )
    write_json(folder / "data.json", _data(comparison))
    _write_images(comparison, folder / "images.parquet")
    _write_gallery(comparison, folder / "gallery.parquet")
    _write_heads(comparison, folder)
    if isinstance(comparison.data, SegmentationData):
        write_json(folder / "classes.json", _classes(comparison, comparison.data))
        write_json(folder / "sizes.json", _sizes(comparison))
        _write_objects(comparison, comparison.data, folder / "objects.parquet")


def _data(comparison: "DenseComparison") -> dict[str, Any]:
    data = comparison.data
    found: dict[str, Any] = {
        "name": data.name,
        "about": data.about,
        "num_train": len(data.train),
        "num_test": len(data.test),
        "report": data.report.to_dict(),
    }
    if isinstance(data, SegmentationData):
        return found | {"class_names": list(data.class_names)}
    return found | {
        "min_depth_m": data.min_depth_m,
        "max_depth_m": data.max_depth_m,
        "crop_yxyx": data.crop_yxyx and list(data.crop_yxyx),
    }


def _classes(comparison: "DenseComparison", data: SegmentationData) -> dict[str, Any]:
    counts = {name: judged.counts for name, judged in comparison.judged.items()}
    first = next(iter(counts.values()))
    assert first is not None
    return {
        "names": list(data.class_names),
        "train_px": SegmentationTask(data).train_px(),
        "test_px": first.truth.sum(axis=0).tolist(),
        "test_images": (first.truth > 0).sum(axis=0).tolist(),
        "iou": {
            name: [None if np.isnan(v) else v for v in class_iou(own).tolist()]
            for name, own in counts.items()
            if own is not None
        },
    }


def _sizes(comparison: "DenseComparison") -> dict[str, Any]:
    objects = {
        name: judged.objects
        for name, judged in comparison.judged.items()
        if judged.objects is not None
    }
    seed = comparison.rows[0].settings["seed"]
    return sizes_json(size_means(objects, seed=seed), _pairs(comparison))


def _pairs(comparison: "DenseComparison") -> list[tuple[str, str]]:
    """Several scales against one of the same backbone; and what verdicts rest on."""
    single = {r.backbone: r.candidate for r in comparison.rows if r.scales == (1,)}
    pairs = [
        (r.candidate, single[r.backbone])
        for r in comparison.rows
        if len(r.scales) > 1 and r.backbone in single
    ]
    pairs += [(v.s2.candidate, v.larger.candidate) for v in comparison.verdicts]
    return list(dict.fromkeys(pairs))


def _write_objects(comparison: "DenseComparison", data: SegmentationData, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = np.array(data.class_names)
    tables = []
    for candidate, judged in comparison.judged.items():
        assert judged.objects is not None
        counts = [len(objects) for objects in judged.objects]
        tables.append(
            pa.table(
                {
                    "candidate": [candidate] * sum(counts),
                    "id": np.repeat(np.array(data.test.ids, dtype=object), counts).tolist(),
                    "class": names[
                        np.concatenate([o.class_index for o in judged.objects]).astype(int)
                    ],
                    "area_px": np.concatenate([o.area_px for o in judged.objects]),
                    "iou": np.concatenate([o.iou for o in judged.objects]).astype(np.float32),
                }
            )
        )
    pq.write_table(pa.concat_tables(tables), path)


def _write_images(comparison: "DenseComparison", path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    ids = list(comparison.data.test.ids)
    tables = [
        pa.table({"candidate": [candidate] * len(ids), "id": ids, **judged.columns})
        for candidate, judged in comparison.judged.items()
    ]
    pq.write_table(pa.concat_tables(tables), path)


def _write_gallery(comparison: "DenseComparison", path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pictures = comparison.pictures
    pq.write_table(
        pa.table(
            {
                "id": pa.array([p.id for p in pictures], pa.string()),
                "kind": pa.array([p.kind for p in pictures], pa.string()),
                "candidate": pa.array([p.candidate for p in pictures], pa.string()),
                "bytes": pa.array([p.content for p in pictures], pa.binary()),
                "score": pa.array([p.score for p in pictures], pa.float64()),
            }
        ),
        path,
    )


def _write_heads(comparison: "DenseComparison", folder: Path) -> None:
    (folder / "heads").mkdir()
    for number, row in enumerate(comparison.rows):
        settings = row.settings
        save_head(
            folder / head_file(number),
            comparison.heads[row.candidate],
            name=settings["head"],
            facts={
                "candidate": row.candidate,
                "backbone": row.backbone,
                "scales": list(row.scales),
                "weights_hash": settings["weights"][row.backbone],
                "metric": row.metric,
                "value": row.value,
                "versions": dict(row.versions),
                **{name: settings[name] for name in HEAD_SETTINGS},
                **_target(comparison),
            },
        )


def _target(comparison: "DenseComparison") -> dict[str, Any]:
    data = comparison.data
    if isinstance(data, SegmentationData):
        return {"class_names": list(data.class_names)}
    return {"min_depth_m": data.min_depth_m, "max_depth_m": data.max_depth_m}
