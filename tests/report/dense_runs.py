"""Run folders of segmentation and depth made up in code, as `polyscale compare` writes them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from scipy import ndimage

from polyscale.records import METRICS, Result
from polyscale.stats import corrected_contrasts, image_contrasts, judge, mean_iou, mean_of_images

CLASSES = ("wall", "floor", "a_long_class_name_without_any_space_in_it", "cup")
SKILLS = {
    "pip:efficientnet_lite0@1": 0.55,
    "pip:efficientnet_lite0@1,2": 0.9,
    "pip:efficientnet_lite1@1": 0.6,
    "pip:efficientnet_lite2@1": 0.7,
}
EDGES_PX = (0, 256, 1024, 4096, 16384, None)
DEPTH_METRICS = ("rmse", "abs_rel", "delta1", "delta2", "delta3", "silog")
Maps = Sequence[np.ndarray]


def make_labels(num: int = 12, side: int = 96) -> list[np.ndarray]:
    """A wall, a floor, a large disc and some cups; a strip is ignored."""
    rng = np.random.default_rng(0)
    found = []
    y, x = np.mgrid[:side, :side]
    for _ in range(num):
        labels = (y > side * rng.uniform(0.4, 0.7)).astype(np.int16)
        for class_index, radius in ((2, side / 4), (3, 9), (3, 6), (3, 5)):
            cy, cx = rng.uniform(0.2 * side, 0.8 * side, 2)
            labels[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = class_index
        labels[:, :3] = -1
        found.append(labels)
    return found


def spoil_labels(truths: Maps, skill: float, num_classes: int) -> list[np.ndarray]:
    """Labels as a coarser eye sees them, and some of another class."""
    rng = np.random.default_rng(round(1000 * skill))
    found = []
    for truth in truths:
        size = round(1 + 12 * (1 - skill))
        coarse = ndimage.grey_opening(np.where(truth < 0, 0, truth), size=(size, size))
        noise = rng.uniform(size=[-(-side // 8) for side in truth.shape])
        wrong = np.kron(noise, np.ones((8, 8)))[: truth.shape[0], : truth.shape[1]] > skill + 0.08
        other = (coarse + 1 + rng.integers(num_classes - 1)) % num_classes
        found.append(np.where(wrong, other, coarse).astype(np.int16))
    return found


def make_depth(num: int = 12, side: int = 96) -> list[np.ndarray]:
    """A slope with a box on it; a corner is unknown, and all of the last image."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(num):
        depth_m = np.linspace(4.5, 0.8, side)[:, None] + np.linspace(0, 0.7, side)[None]
        top, left = rng.integers(side // 2, size=2)
        depth_m[top : top + side // 3, left : left + side // 3] *= 0.6
        depth_m[: side // 8, : side // 8] = np.nan
        found.append(depth_m.astype(np.float32))
    found[-1][:] = np.nan
    return found


def spoil_depth(truths: Maps, skill: float) -> list[np.ndarray]:
    """Depth blurred and bent; never unknown."""
    rng = np.random.default_rng(round(1000 * skill))
    found = []
    for truth in truths:
        filled = np.where(np.isnan(truth), 2.0, truth)
        bend = ndimage.gaussian_filter(rng.normal(size=truth.shape), max(truth.shape) / 8)
        blurred = ndimage.gaussian_filter(filled, 12 * (1 - skill))
        found.append((blurred * (1 + (1 - skill) * bend / bend.std() / 4)).astype(np.float32))
    return found


def make_photos(truths: Maps) -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    colours = rng.integers(40, 220, size=(64, 3), dtype=np.uint8)
    return [colours[np.nan_to_num(8 * truth, nan=0).astype(int) % 64] for truth in truths]


def counts_of(truth: np.ndarray, said: np.ndarray, num_classes: int) -> tuple[list, list, float]:
    known = truth >= 0
    both = [int(((truth == c) & (said == c)).sum()) for c in range(num_classes)]
    either = [int((known & ((truth == c) | (said == c))).sum()) for c in range(num_classes)]
    return both, either, float((truth == said)[known].mean())


def depth_row(truth: np.ndarray, said: np.ndarray) -> dict[str, float]:
    known = np.isfinite(truth)
    if not known.any():
        return dict.fromkeys(DEPTH_METRICS, np.nan)
    true, guess = truth[known].astype(float), said[known].astype(float)
    ratio, logs = np.maximum(true / guess, guess / true), np.log(guess / true)
    shares = {f"delta{i}": float((ratio < 1.25**i).mean()) for i in (1, 2, 3)}
    return {
        "rmse": float(np.sqrt(((true - guess) ** 2).mean())),
        "abs_rel": float((abs(true - guess) / true).mean()),
        **shares,
        "silog": float(100 * logs.std()),
    }


def write_dense_run(
    folder: Path,
    bare: Sequence[Result],
    truths: Maps,
    predicted: Mapping[str, Maps],
    photos: Maps,
    *,
    classes: Sequence[str] = (),
    num_shown: int = 12,
) -> Path:
    """All files of a run; without classes it is one of depth.

    Args:
        folder: to write into.
        bare: rows that know everything but how good they are.
        truths: labels or metres of each test image.
        predicted: by candidate.
        photos: 8-bit RGB.
        classes: names.
        num_shown: images in the gallery.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ids = [f"test/{i:04d}" for i in range(len(truths))]
    rows = [
        {"candidate": name, "id": id_, **_image_row(truth, said, len(classes))}
        for name, maps in predicted.items()
        for id_, truth, said in zip(ids, truths, maps, strict=True)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "images.parquet")
    statistics = {
        name: np.array([_statistics(row) for row in rows if row["candidate"] == name])
        for name in predicted
    }
    known = ~np.isnan(next(iter(statistics.values()))).any(axis=1)
    statistics = {name: own[known] for name, own in statistics.items()}
    results = [_judged(r, statistics[r.candidate], rows, bool(classes)) for r in bare]
    metric, over = ("miou", mean_iou) if classes else ("rmse", mean_of_images)
    contrasts = corrected_contrasts(
        results, image_contrasts(statistics, over, metric=METRICS[metric], margin=0.01)
    )
    verdicts = judge(results, contrasts)
    files: dict[str, Any] = {
        "results": [r.to_dict() for r in results],
        "contrasts": [c.to_dict() for c in contrasts],
        "verdicts": [v.to_dict() for v in verdicts],
        "data": {
            "name": "rooms",
            "about": "the data set's own split",
            "num_train": 40,
            "num_test": len(truths),
            "report": {"unreadable": [], "near_duplicates": [], "remarks": []},
        },
        "timing": {"wall_s": 61.7, "model_s": 44.1, "busy_share": 0.7, "stages": {"heads": 9.2}},
    }
    if classes:
        objects = _objects(truths, predicted, ids, classes)
        pq.write_table(pa.Table.from_pylist(objects), folder / "objects.parquet")
        files["classes"] = _classes(truths, statistics, classes)
        pairs = [(v.s2.candidate, v.larger.candidate) for v in verdicts]
        pairs += [(a, b) for a in predicted for b in predicted if a.startswith(b + ",")]
        files["sizes"] = _sizes(objects, list(predicted), pairs)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    gallery = _gallery(ids[:num_shown], truths, predicted, photos, rows, bool(classes))
    pq.write_table(pa.Table.from_pylist(gallery), folder / "gallery.parquet")
    return folder


def _image_row(truth: np.ndarray, said: np.ndarray, num_classes: int) -> dict[str, Any]:
    if not num_classes:
        return depth_row(truth, said)
    both, either, accuracy = counts_of(truth, said, num_classes)
    return {"intersection": both, "union": either, "pixel_accuracy": accuracy}


def _statistics(row: Mapping[str, Any]) -> list[float]:
    return [*row["intersection"], *row["union"]] if "union" in row else [row["rmse"]]


def _judged(bare: Result, own: np.ndarray, rows: Sequence[Any], is_labels: bool) -> Result:
    over = mean_iou if is_labels else mean_of_images
    value = float(over(own.mean(axis=0)[None])[0])
    drawn = np.random.default_rng(0).multinomial(len(own), [1 / len(own)] * len(own), size=2000)
    low, high = np.quantile(over(drawn @ own / len(own)), [0.025, 0.975])
    mine = [row for row in rows if row["candidate"] == bare.candidate]
    keys = ["pixel_accuracy"] if is_labels else list(DEPTH_METRICS[1:])
    scores = {key: float(np.nanmean([row[key] for row in mine])) for key in keys}
    if is_labels:
        scores["mean_accuracy"] = min(1.0, value + 0.09)
    number = sum(map(ord, bare.candidate)) % 7
    return replace(
        bare,
        task="segmentation" if is_labels else "depth",
        metric="miou" if is_labels else "rmse",
        higher_is_better=is_labels,
        value=value,
        ci_low=float(low),
        ci_high=float(high),
        selection_value=value * (0.98 if is_labels else 1.02),
        num_test=len(rows) // len({row["candidate"] for row in rows}),
        scores=scores,
        settings={
            **bare.settings,
            "train_targets": "c3",
            "test_targets": "d4",
            "head": "linear",
            "views": "whole",
        },
        probe={
            "file": f"heads/{number}.safetensors",
            "head": "linear",
            "params": 1281 * bare.feature_dim // 100,
            "macs": 49 * bare.feature_dim,
            "steps": 400,
            "train_s": 12.3 + number,
            "loss": 0.412,
            "views": 2,
        },
    )


def _classes(
    truths: Maps, statistics: Mapping[str, np.ndarray], names: Sequence[str]
) -> dict[str, Any]:
    px = [[int((truth == c).sum()) for c in range(len(names))] for truth in truths]
    iou = {}
    for candidate, own in statistics.items():
        both, either = np.split(own.sum(axis=0), 2)
        iou[candidate] = [float(b / e) if e else None for b, e in zip(both, either, strict=True)]
    return {
        "names": list(names),
        "test_px": np.sum(px, axis=0).tolist(),
        "test_images": np.sum(np.array(px) > 0, axis=0).tolist(),
        "iou": iou,
    }


def _objects(
    truths: Maps, predicted: Mapping[str, Maps], ids: Sequence[str], names: Sequence[str]
) -> list[dict[str, Any]]:
    found = []
    for i, truth in enumerate(truths):
        for c, class_name in enumerate(names):
            parts, num = ndimage.label(truth == c, np.ones((3, 3)))
            for own in range(1, num + 1):
                part = parts == own
                if part.sum() < 16:
                    continue
                for candidate, maps in predicted.items():
                    said, _ = ndimage.label((maps[i] == c) & (truth >= 0), np.ones((3, 3)))
                    touching = np.isin(said, np.setdiff1d(said[part], [0]))
                    iou = (part & touching).sum() / (part | touching).sum()
                    found.append(
                        {
                            "candidate": candidate,
                            "id": ids[i],
                            "class": class_name,
                            "area_px": int(part.sum()),
                            "iou": float(iou),
                        }
                    )
    return found


def _sizes(objects: Sequence[Any], names: Sequence[str], pairs: Sequence[Any]) -> dict[str, Any]:
    area = np.array([o["area_px"] for o in objects if o["candidate"] == names[0]])
    own = {n: np.array([o["iou"] for o in objects if o["candidate"] == n]) for n in names}
    bins = np.digitize(area, EDGES_PX[1:-1])

    def by_bin(values: np.ndarray, key: str) -> list[dict[str, float] | None]:
        found: list[dict[str, float] | None] = []
        for b in range(len(EDGES_PX) - 1):
            mine = values[bins == b]
            if not len(mine):
                found.append(None)
                continue
            half = 1.96 * float(mine.std()) / len(mine) ** 0.5
            mean = float(mine.mean())
            found.append({key: mean, "ci_low": mean - half, "ci_high": mean + half})
        return found

    return {
        "edges_px": list(EDGES_PX),
        "num_objects": [int((bins == b).sum()) for b in range(len(EDGES_PX) - 1)],
        "iou": {n: by_bin(own[n], "value") for n in names},
        "contrasts": [
            {"first": a, "second": b, "bins": by_bin(own[a] - own[b], "difference")}
            for a, b in dict.fromkeys(pairs)
        ],
    }


def _gallery(
    ids: Sequence[str],
    truths: Maps,
    predicted: Mapping[str, Maps],
    photos: Maps,
    rows: Sequence[Any],
    is_labels: bool,
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for i, id_ in enumerate(ids):
        out = BytesIO()
        Image.fromarray(photos[i]).save(out, "JPEG", quality=88)
        blank = {"id": id_, "candidate": None, "score": None}
        found.append(blank | {"kind": "image", "bytes": out.getvalue()})
        found.append(blank | {"kind": "truth", "bytes": grey_png(truths[i], is_labels)})
        for name, maps in predicted.items():
            row = next(r for r in rows if (r["candidate"], r["id"]) == (name, id_))
            score = row["pixel_accuracy"] if is_labels else row["rmse"]
            found.append(
                {
                    "id": id_,
                    "candidate": name,
                    "score": None if np.isnan(score) else score,
                    "kind": "prediction",
                    "bytes": grey_png(maps[i], is_labels),
                }
            )
    return found


def grey_png(target: np.ndarray, is_labels: bool) -> bytes:
    if is_labels:
        grey = np.where(target < 0, 65535, target)
    else:
        grey = np.nan_to_num(1000 * target, nan=0).round()
    out = BytesIO()
    Image.fromarray(grey.astype(np.uint16)).save(out, "PNG")
    return out.getvalue()
