"""A run folder, read and checked. The schema of each file is in `records`."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, timezone
from itertools import combinations
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from polyscale.errors import InputError
from polyscale.records import FILES, REQUIRED, Contrast, Result, TaskRecord, read_json
from polyscale.records.codec import AGAIN, damaged
from polyscale.records.tables import (
    ImageRow,
    PredictionRow,
    TextRow,
    column_names,
    read_table,
)
from polyscale.report.read_gallery import read_gallery
from polyscale.report.run import (
    Images,
    Run,
    Statistics,
    Texts,
)
from polyscale.stats import judge


def read_run(folder: Path) -> Run:
    """Read a folder's files.

    Raises:
        InputError: if one is missing or damaged, or they do not belong together.
    """
    known = {field.name for field in fields(Run)}
    found = {
        name.removesuffix(".json"): read_json(folder / name, kind)
        for name, kind in FILES.items()
        if name in REQUIRED or (name.removesuffix(".json") in known and (folder / name).exists())
    }
    task, results, contrasts = found["task"], found["results"], found["contrasts"]
    path = folder / "results.json"
    _check_results(path, results, task)
    names = [result.candidate for result in results]
    _check_contrasts(folder / "contrasts.json", contrasts, names, task)
    _check_names(folder, found, names)
    images = _read_images(folder / task.images_file, task, names)
    parts = found if "verdicts" in found else found | {"verdicts": tuple(judge(results, contrasts))}
    parts |= read_gallery(folder / "gallery.parquet", images, names, found.get("classes"))
    run = Run(
        **parts,
        folder=str(folder),
        date=_date(results, path),
        images=images,
    )
    if run.classes:
        _check_classes(folder, run)
    return run


def _check_results(path: Path, results: tuple[Result, ...], task: TaskRecord) -> None:
    if not results:
        raise InputError(f"{path} must hold at least one row, but is empty. {AGAIN}")
    for name, count in Counter(result.candidate for result in results).items():
        if count > 1:
            raise InputError(f"{path} must hold each candidate once, but {name} is {count} times.")
    for name in ("metric", "higher_is_better", "task", "data", "source", "num_test"):
        values = sorted({str(getattr(result, name)) for result in results})
        if len(values) > 1:
            raise InputError(
                f"{path} must hold one {name}, but got {', '.join(values)}. "
                "Keep one run folder for each."
            )
    first = results[0]
    for name, own, other in (
        ("metric", first.metric, task.metric.key),
        ("task", first.task, task.task),
        ("higher_is_better", first.higher_is_better, task.metric.higher_is_better),
    ):
        if own != other:
            raise InputError(
                f"{path} must have the {name} of task.json, which is {other!r}, but has {own!r}. "
                f"{AGAIN}"
            )
    for number, result in enumerate(results, start=1):
        _check_values(f"{path}, row {number}", result, task)


def _check_values(where: str, result: Result, task: TaskRecord) -> None:
    """Refuse what cannot be a share or an error, and candidates that cannot be named."""
    low, high, rule = -inf, inf, "a number"
    if task.metric.unit == "%":
        low, high, rule = 0, 1, "from 0 to 1"
    elif not task.metric.higher_is_better:
        low, rule = 0, "at least 0"
    for name in ("value", "ci_low", "ci_high"):
        value = getattr(result, name)
        if not low <= value <= high:
            raise InputError(f"{where}: {name} must be {rule}, but is {value!r}. {AGAIN}")
    if not result.scales:
        raise InputError(f"{where}: scales must hold at least one scale, but is empty. {AGAIN}")


def _check_contrasts(
    path: Path, contrasts: Sequence[Contrast], names: Sequence[str], task: TaskRecord
) -> None:
    for contrast in contrasts:
        if contrast.metric != task.metric.key:
            raise InputError(
                f"{path} must hold differences of {task.metric.key}, but holds "
                f"{contrast.metric!r}. {AGAIN}"
            )
        if contrast.first == contrast.second:
            raise InputError(f"{path} must hold pairs, but {contrast.first} stands alone. {AGAIN}")
        if task.right_or_wrong and None in (contrast.only_first, contrast.only_second):
            raise InputError(
                f"{path} must count the images that only one of {contrast.first} and "
                f"{contrast.second} gets right, but does not. {AGAIN}"
            )
    known = {frozenset((c.first, c.second)) for c in contrasts}
    for first, second in combinations(names, 2):
        if frozenset((first, second)) not in known:
            raise InputError(
                f"{path} must hold every pair of candidates, but has no {first} against {second}. "
                f"{AGAIN}"
            )


def _check_names(folder: Path, found: Mapping[str, Any], names: Sequence[str]) -> None:
    """Every file must speak of the candidates of `results.json`, and of no others."""
    mentioned: dict[str, list[str]] = {
        "contrasts": [n for c in found["contrasts"] for n in (c.first, c.second)],
        "verdicts": [
            name
            for v in found.get("verdicts", ())
            for name in (
                v.s2.candidate,
                v.larger.candidate,
                *(n for cost in v.costs for n in (cost.larger, *cost.s2)),
            )
        ],
        "cascades": [n for c in found.get("cascades", ()) for n in (c.small, c.large)],
        "controls": [c.candidate for c in found.get("controls", ())],
        "probes": list(found.get("probes", ())),
    }
    for name in ("classes", "sizes"):
        if name in found:
            mentioned[name] = list(found[name].iou)
            missing = [n for n in names if n not in found[name].iou]
            if missing:
                raise InputError(
                    f"{folder / name}.json must hold every candidate, but has no {missing[0]}. "
                    f"{AGAIN}"
                )
    for name, candidates in mentioned.items():
        unknown = [candidate for candidate in candidates if candidate not in names]
        if unknown:
            raise InputError(
                f"{folder / name}.json must be about the candidates of results.json, but names "
                f"{unknown[0]!r}. {AGAIN}"
            )


def _check_classes(folder: Path, run: Run) -> None:
    num_statistics = next(iter(run.images.statistics.values())).shape[1]
    num_classes = len(run.classes.names) if run.classes else 0
    if run.task.reduction == "mean_iou" and num_statistics != 2 * num_classes:
        raise InputError(
            f"{folder / run.task.images_file} must hold {num_classes} classes as classes.json "
            f"does, but holds {num_statistics // 2}. {AGAIN}"
        )


def _read_images(path: Path, task: TaskRecord, names: Sequence[str]) -> Images:
    """The file of images, each candidate's rows in one order of images.

    Raises:
        InputError: if the file is missing or damaged, or lacks an image.
    """
    has_answers = task.right_or_wrong and {"label", "prediction", "probability"} <= set(
        column_names(path)
    )
    numbers = ["correct"] if task.right_or_wrong else [*task.statistics]
    has_text = not has_answers and {"label", "prediction"} <= set(column_names(path))
    row = PredictionRow if has_answers else TextRow if has_text else ImageRow
    columns = read_table(path, row, [] if has_answers else numbers)
    try:
        statistics = [_numbers(columns[name]) for name in numbers]
        if task.reduction == "mean_iou" and len({part.shape for part in statistics}) > 1:
            raise ValueError("lists differ in length")
        rows = np.hstack(statistics) if statistics else np.zeros((len(columns["id"]), 0))
        if np.isinf(rows).any() or (task.right_or_wrong and np.isnan(rows).any()):
            raise ValueError("its numbers must be finite")
    except (pa.ArrowException, ValueError) as error:
        raise damaged(path, error) from error
    texts = {
        name: columns[name].to_numpy().astype(object)
        for name in ("candidate", "id", "label", "prediction")
        if name in columns
    }
    ids = np.unique(texts["id"])
    if not len(ids):
        raise InputError(f"{path} must hold at least one image, but is empty. {AGAIN}")
    where = {name: _rows_of(path, name, texts["candidate"], texts["id"], ids) for name in names}
    images = Images(ids=ids, statistics={name: rows[at] for name, at in where.items()})
    if task.reduction and not any(len(known) for known in images.known.values()):
        raise damaged(path, "no image has a known value for every candidate")
    if not has_answers:
        predictions = {n: texts["prediction"][at] for n, at in where.items()} if has_text else {}
        return replace(images, predictions=predictions)
    probability = columns["probability"].to_numpy()
    return Images(
        ids=ids,
        statistics=images.statistics,
        labels=texts["label"][next(iter(where.values()))],
        predictions={name: texts["prediction"][at] for name, at in where.items()},
        probability={name: probability[at] for name, at in where.items()},
    )


def _rows_of(
    path: Path, name: str, candidates: Texts, row_ids: Texts, ids: Texts
) -> NDArray[np.intp]:
    """Rows of a candidate, in the order of the ids; one a sorted id, or an InputError."""
    rows = np.flatnonzero(candidates == name)
    missing = sorted(set(ids) - set(row_ids[rows]))
    if missing:
        raise InputError(
            f"{path} must hold the answer of {name} to image {missing[0]!r}, but does not. {AGAIN}"
        )
    if len(rows) > len(ids):
        raise InputError(f"{path} must hold each answer once, but {name} has more. {AGAIN}")
    return rows[np.argsort(row_ids[rows], kind="stable")]


def _numbers(column: pa.ChunkedArray) -> Statistics:
    """Numbers, or lists of equal lengths, as one row an image.

    Raises:
        ValueError: if lists differ in length.
    """
    if not pa.types.is_list(column.type) and not pa.types.is_large_list(column.type):
        # null, which is how some writers put NaN, becomes it
        return column.cast(pa.float64()).to_numpy().astype(np.float64)[:, None]
    lengths = np.unique(pc.list_value_length(column).to_numpy())
    if len(lengths) > 1 or np.isnan(lengths).any():
        raise ValueError("lists differ in length")
    flat = pc.list_flatten(column).cast(pa.float64()).to_numpy().astype(np.float64)
    return flat.reshape(len(column), int(lengths.sum()))


def _date(results: Iterable[Result], path: Path) -> str:
    """What the rows say, or else when their file was written."""
    for result in results:
        for facts in (result.settings, result.versions):
            if "date" in facts:
                return str(facts["date"])
    written = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
    return written.strftime("%Y-%m-%d")
