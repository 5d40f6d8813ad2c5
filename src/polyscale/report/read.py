"""A run folder, read and checked. The schema of each file is in `records`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, timezone
from itertools import combinations
from math import inf
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from polyscale.errors import InputError
from polyscale.records import (
    FILES,
    REQUIRED,
    SHEET_FILE,
    Contrast,
    Result,
    TaskRecord,
    read_json,
)
from polyscale.records.codec import AGAIN, check_exists, damaged
from polyscale.records.tables import (
    AskedRow,
    CategoryRow,
    ImageRow,
    PredictionRow,
    TextRow,
    column_names,
    read_table,
)
from polyscale.report.read_films import read_films
from polyscale.report.read_gallery import read_gallery, read_pictures, read_sheet
from polyscale.report.read_questions import read_questions
from polyscale.report.read_residuals import read_residuals
from polyscale.report.run import Images, Run, Statistics, Texts
from polyscale.stats import judge, paired_errors, recommend


def read_run(folder: Path) -> Run:
    """Read a folder's files.

    Raises:
        InputError: if one is missing or damaged, or they do not belong together.
    """
    parts = _read_files(folder)
    task, results, contrasts = parts["task"], parts["results"], parts["contrasts"]
    path = folder / "results.json"
    _check_results(path, results, task)
    names = [result.candidate for result in results]
    _check_contrasts(folder / "contrasts.json", contrasts, names, task)
    _check_names(folder, parts, names)
    images = _read_images(folder / task.images_file, task, names)
    rows = {result.candidate: result for result in results}
    parts["verdicts"] = tuple(
        replace(verdict, s2=rows[verdict.s2.candidate], larger=rows[verdict.larger.candidate])
        for verdict in parts.get("verdicts") or judge(results, contrasts)
    )
    if "recommendation" not in parts and task.held_out:
        errors = paired_errors(parts.get("selection", ()), contrasts)
        parts["recommendation"] = recommend(results, contrasts, errors, metric=task.metric)
    num_classes = len(parts["classes"].names) if "classes" in parts else None
    parts |= read_gallery(folder / "gallery.parquet", images, names, num_classes)
    parts["sheet"] = read_sheet(folder / SHEET_FILE)
    if parts.get("hard"):
        pictures = read_pictures(folder / "hard.parquet", images)
        parts["hard_pictures"] = {picture.id: picture for picture in pictures}
    parts |= read_questions(folder, images, names)
    parts["films"] = read_films(folder, parts.get("episodes"))
    parts["residuals"] = read_residuals(folder, parts.get("reconstruction"))
    if task.counts_classes:
        num_counted = next(iter(images.statistics.values())).shape[1] // 2
        _check(
            num_counted == num_classes,
            folder / task.images_file,
            f"hold {num_classes} classes as classes.json does, but holds {num_counted}",
        )
    return Run(**parts, folder=str(folder), date=_date(results, path), images=images)


def _check(holds: bool, path: Path | str, rule: str) -> None:
    """Raise an InputError that says what a file must do, unless it does."""
    if not holds:
        raise InputError(f"{path} must {rule}. {AGAIN}")


def _read_files(folder: Path) -> dict[str, Any]:
    """The JSON files of a run that are shown, under their names without the ending."""
    shown = {f"{field.name}.json" for field in fields(Run)}
    parts = {
        name.removesuffix(".json"): read_json(folder / name, kind)
        for name, kind in FILES.items()
        if name in REQUIRED or (name in shown and (folder / name).exists())
    }
    if parts["task"].counts_classes:
        # without the classes, maps of labels would be read as metres
        check_exists(folder / "classes.json")
    return parts


def _check_results(path: Path, results: tuple[Result, ...], task: TaskRecord) -> None:
    _check(bool(results), path, "hold at least one row, but is empty")
    for name, count in Counter(result.candidate for result in results).items():
        _check(count == 1, path, f"hold each candidate once, but {name} is {count} times in it")
    for name in ("metric", "higher_is_better", "task", "data", "source", "num_test"):
        values = sorted({str(getattr(result, name)) for result in results})
        if len(values) > 1:
            raise InputError(
                f"{path} must hold one {name}, but got {', '.join(values)}. "
                "Keep one run folder for each."
            )
    first = results[0]
    for name, value, expected in (
        ("metric", first.metric, task.metric.key),
        ("task", first.task, task.task),
        ("higher_is_better", first.higher_is_better, task.metric.higher_is_better),
    ):
        rule = f"have the {name} of task.json, which is {expected!r}, but has {value!r}"
        _check(value == expected, path, rule)
    low, high, rule = -inf, inf, "a number"
    if task.metric.unit == "%":
        low, high, rule = 0, 1, "from 0 to 1"
    elif not task.metric.higher_is_better:
        low, rule = 0, "at least 0"
    for number, result in enumerate(results, start=1):
        where = f"{path}, row {number}:"
        for name in ("value", "ci_low", "ci_high"):
            value = getattr(result, name)
            _check(low <= value <= high, f"{where} {name}", f"be {rule}, but is {value!r}")
        _check(bool(result.scales), f"{where} scales", "hold at least one scale, but is empty")


def _check_contrasts(
    path: Path, contrasts: Sequence[Contrast], names: Sequence[str], task: TaskRecord
) -> None:
    for c in contrasts:
        metric = task.metric.key
        _check(c.metric == metric, path, f"hold differences of {metric}, but holds {c.metric!r}")
        _check(c.first != c.second, path, f"hold pairs, but {c.first} stands alone")
        _check(
            not task.right_or_wrong or None not in (c.only_first, c.only_second),
            path,
            f"count the images that only one of {c.first} and {c.second} gets right, but does not",
        )
    known = {frozenset((c.first, c.second)) for c in contrasts}
    for pair in combinations(names, 2):
        rule = f"hold every pair of candidates, but has no {' against '.join(pair)}"
        _check(frozenset(pair) in known, path, rule)


def _check_names(folder: Path, parts: Mapping[str, Any], names: Sequence[str]) -> None:
    """Every file must speak of the candidates of `results.json`, and of no others."""
    mentioned: dict[str, list[str]] = {
        "contrasts": [name for c in parts["contrasts"] for name in (c.first, c.second)],
        "cascades": [name for c in parts.get("cascades", ()) for name in (c.small, c.large)],
        "controls": [c.candidate for c in parts.get("controls", ())],
        "probes": list(parts.get("probes", ())),
        "hard": [name for own in parts.get("hard", ()) for name in (own.base, own.s2, own.larger)],
        "selection": [
            name for gap in parts.get("selection", ()) for name in (gap.first, gap.second)
        ],
        "verdicts": [],
        "repeats": [],
    }
    backbones = {result.backbone for result in parts["results"]}
    if "recommendation" in parts:
        mentioned["recommendation"] = parts["recommendation"].mentioned
    if repeats := parts.get("repeats"):
        pairs = [name for c in repeats.contrasts for name in (c.first, c.second)]
        mentioned["repeats"] = [
            *pairs,
            *repeats.draws[0].values,
            *(draw.recommended for draw in repeats.draws if draw.recommended),
        ]
        for name in names:
            rule = f"hold every candidate, but has no {name}"
            _check(name in repeats.draws[0].values, folder / "repeats.json", rule)
    if episodes := parts.get("episodes"):
        mentioned["episodes"] = list(episodes.success)
        for name in names:
            rule = f"hold every candidate, but has no {name}"
            _check(name in episodes.success, folder / "episodes.json", rule)
    if found := parts.get("reconstruction"):
        mentioned["reconstruction"] = [row.candidate for row in found.rows]
    for verdict in parts.get("verdicts", ()):
        in_costs = [name for cost in verdict.costs for name in (cost.larger, *cost.s2)]
        mentioned["verdicts"] += [verdict.s2.candidate, verdict.larger.candidate, *in_costs]
        for row in (verdict.s2, verdict.larger):
            rule = f"be about the models of results.json, but names {row.backbone!r}"
            _check(row.backbone in backbones, folder / "verdicts.json", rule)
    for file in ("classes", "sizes"):
        if file in parts:
            mentioned[file] = list(parts[file].iou)
            for name in names:
                rule = f"hold every candidate, but has no {name}"
                _check(name in parts[file].iou, folder / f"{file}.json", rule)
    for file, candidates in mentioned.items():
        for name in candidates:
            rule = f"be about the candidates of results.json, but names {name!r}"
            _check(name in names, folder / f"{file}.json", rule)


def _read_images(path: Path, task: TaskRecord, names: Sequence[str]) -> Images:
    """The file of images, each candidate's rows in one order of images.

    Raises:
        InputError: if the file is missing or damaged, or lacks an image.
    """
    found = set(column_names(path))
    has_text = {"label", "prediction"} <= found
    has_answers = has_text and {"probability", "correct"} <= found
    numbers = ["correct"] if task.right_or_wrong else [*task.statistics]
    has_categories = has_text and {"category", "correct"} <= found
    kinds = {
        PredictionRow: has_answers,
        AskedRow: has_categories and "question" in found,
        CategoryRow: has_categories,
        TextRow: has_text,
    }
    row = next((kind for kind, is_there in kinds.items() if is_there), ImageRow)
    more = [name for name in numbers if name not in get_type_hints(row)]
    columns = read_table(path, row, more + ["confidence"] * (has_answers and "confidence" in found))
    try:
        statistics = _statistics([columns[name] for name in numbers], task, len(columns["id"]))
        if "confidence" in columns:
            _check_confidence(columns["confidence"])
    except (pa.ArrowException, ValueError) as error:
        raise damaged(path, error) from error
    texts = {
        name: columns[name].to_numpy().astype(object)
        for name in ("candidate", "id", "label", "prediction", "category", "question")
        if name in columns
    }
    ids = np.unique(texts["id"])
    _check(len(ids) > 0, path, "hold at least one image, but is empty")
    rows = {name: _rows_of(path, name, texts["candidate"], texts["id"], ids) for name in names}

    def of_each(name: str) -> dict[str, Any]:
        if name not in columns:
            return {}
        values = texts[name] if name in texts else columns[name].to_numpy()
        return {candidate: values[at] for candidate, at in rows.items()}

    images = Images(
        ids=ids,
        statistics={name: statistics[at] for name, at in rows.items()},
        labels=texts["label"][rows[names[0]]] if has_answers else None,
        asked=texts["question"][rows[names[0]]] if "question" in texts else None,
        categories=texts["category"][rows[names[0]]] if "category" in texts else None,
        predictions=of_each("prediction"),
        correct={name: values > 0 for name, values in of_each("correct").items()},
        probability=of_each("probability"),
        confidence=of_each("confidence"),
    )
    if task.reduction and not any(len(known) for known in images.known.values()):
        raise damaged(path, "no image has a known value for every candidate")
    return images


def _statistics(columns: Sequence[pa.ChunkedArray], task: TaskRecord, num_rows: int) -> Statistics:
    """The columns side by side, one row for each row of the file.

    Raises:
        ValueError: if lists differ in length, or a number is not finite.
    """
    parts = [_numbers(column) for column in columns]
    if task.counts_classes and len({part.shape for part in parts}) > 1:
        raise ValueError("lists differ in length")
    rows = np.hstack(parts) if parts else np.zeros((num_rows, 0))
    if np.isinf(rows).any() or (task.right_or_wrong and np.isnan(rows).any()):
        raise ValueError("its numbers must be finite")
    return rows


def _check_confidence(column: pa.ChunkedArray) -> None:
    """Refuse what is no probability; ones that are summed in float32 may be a little above 1.

    Raises:
        ValueError: if one is not.
    """
    is_number = pa.types.is_floating(column.type)
    values = column.to_numpy() if is_number else np.full(1, np.nan)
    if not ((values >= 0) & (values <= 1 + 1e-3)).all():
        raise ValueError("confidence must be from 0 to 1")


def _numbers(column: pa.ChunkedArray) -> Statistics:
    """Numbers, or lists of equal lengths, as one row for each image.

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


def _rows_of(
    path: Path, name: str, candidates: Texts, row_ids: Texts, ids: Texts
) -> NDArray[np.intp]:
    """Rows of a candidate, in the order of the sorted ids, each of which must be there once."""
    rows = np.flatnonzero(candidates == name)
    missing = sorted(set(ids) - set(row_ids[rows]))
    first = missing[0] if missing else ""
    _check(not missing, path, f"hold the answer of {name} to image {first!r}, but does not")
    _check(len(rows) == len(ids), path, f"hold each answer once, but {name} has more")
    return rows[np.argsort(row_ids[rows], kind="stable")]


def _date(results: Sequence[Result], path: Path) -> str:
    """What the rows say, or else when their file was written."""
    for facts in (facts for result in results for facts in (result.settings, result.versions)):
        if "date" in facts:
            return str(facts["date"])
    written = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
    return written.strftime("%Y-%m-%d")
