"""A run folder, read and checked."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timezone
from io import BytesIO
from itertools import combinations
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from polyscale.errors import InputError
from polyscale.records import LOWER_IS_BETTER, Contrast, Result, Verdict
from polyscale.report.axes import THROUGHPUT, Axis, costs
from polyscale.report.dense.run_files import Dense, read_dense
from polyscale.report.extras import READERS, Extras
from polyscale.report.files import AGAIN, Read, check_exists, damaged, read_json
from polyscale.report.predictions import Predictions, read_predictions
from polyscale.report.vocabulary import VOCABULARIES, speak
from polyscale.stats import find_contrast, judge


@dataclass(frozen=True)
class Answer:
    """What a candidate says of an image, and the probability that it gives to the true class."""

    prediction: str
    probability: float
    correct: bool


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A test image on which candidates differ.

    Attributes:
        id: of the image in its data set.
        label: the true class.
        jpeg: the file's bytes.
        size_wh: width and height in pixels.
        answers: what each candidate says.
    """

    id: str
    label: str
    jpeg: bytes
    size_wh: tuple[int, int]
    answers: Mapping[str, Answer]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What `polyscale compare` found.

    Attributes:
        folder: where it was read from, as the user named it.
        results: one row a candidate.
        contrasts: one row a pair of candidates.
        verdicts: one a family that has any.
        predictions: each candidate's answer to each test image; None for targets of pixels.
        pictures: test images on which candidates differ in their answers.
        dense: what there is instead for targets of pixels; else None.
        date: when it was found, as ISO 8601.
        extras: what was found besides.
        notes: what a reader of merged runs must know, as sentences.
    """

    folder: str = ""
    results: tuple[Result, ...]
    contrasts: tuple[Contrast, ...]
    verdicts: tuple[Verdict, ...]
    predictions: Predictions | None = None
    pictures: tuple[Picture, ...] = ()
    dense: Dense | None = None
    date: str
    extras: Extras = field(default_factory=Extras)
    notes: tuple[str, ...] = ()

    def contrast(self, first: str, second: str) -> Contrast:
        """The contrast of two candidates, turned round where it was written the other way."""
        return find_contrast(self.contrasts, first, second)

    def costs(self, axis: Axis) -> Mapping[str, float]:
        """Each candidate's cost, where it is known."""
        return costs(self.results, axis)

    @property
    def throughput(self) -> Mapping[str, float]:
        """Images a second of each candidate, where that was measured."""
        return self.costs(THROUGHPUT)


def read_run(folder: Path) -> Run:
    """Read a folder's files.

    Raises:
        InputError: if one is missing or damaged, or they do not belong together.
    """
    path = folder / "results.json"
    results = read_json(path, _make_results)
    _check_results(path, results)
    contrasts = read_json(folder / "contrasts.json", _all(Contrast.from_dict))
    names = [result.candidate for result in results]
    _check_contrasts(folder / "contrasts.json", contrasts, names, results[0].metric)
    if (folder / "verdicts.json").exists():
        verdicts = read_json(folder / "verdicts.json", _all(Verdict.from_dict))
    else:
        verdicts = tuple(judge(results, contrasts))
    run = Run(
        folder=str(folder),
        results=results,
        contrasts=contrasts,
        verdicts=verdicts,
        date=_date(results, path),
        extras=read_extras(folder),
    )
    if not speak(results[0].metric).is_right_or_wrong:
        return replace(run, dense=read_dense(folder, names, results[0].metric))
    predictions = read_predictions(folder / "predictions.parquet", names)
    pictures = _read_pictures(folder / "gallery.parquet", predictions)
    return replace(run, predictions=predictions, pictures=pictures)


def read_extras(folder: Path) -> Extras:
    """Read the files that a run may do without.

    Raises:
        InputError: if one is damaged.
    """
    paths = {name: folder / f"{name}.json" for name in READERS}
    return Extras(**{n: read_json(path, READERS[n]) for n, path in paths.items() if path.exists()})


def _all(make: Callable[[Any], Read]) -> Callable[[Any], tuple[Read, ...]]:
    return lambda rows: tuple(make(row) for row in rows)


def _make_results(rows: Any) -> tuple[Result, ...]:
    """Rows with the fields that this version knows; a later one may write more."""
    known = {f.name for f in fields(Result)}
    results = tuple(Result.from_dict({k: v for k, v in row.items() if k in known}) for row in rows)
    for result in results:
        _check_numbers(result)
    return results


def _check_numbers(result: Result) -> None:
    """Refuse what cannot be a share, an error or a cost.

    Raises:
        ValueError: with the field and the value.
    """
    highest, rule = (inf, "at least 0") if result.metric in LOWER_IS_BETTER else (1, "from 0 to 1")
    for name in ("value", "ci_low", "ci_high"):
        value = getattr(result, name)
        if isinstance(value, str) or not 0 <= float(value) <= highest:
            raise ValueError(f"{name} must be {rule}, but is {value!r}")
    for name in ("macs", "params", "latency_ms", "peak_bytes"):
        if isinstance(getattr(result, name), str) or not float(getattr(result, name)) > 0:
            raise ValueError(f"{name} must be above 0, but is {getattr(result, name)!r}")


def _check_results(path: Path, results: tuple[Result, ...]) -> None:
    if not results:
        raise InputError(f"{path} must hold at least one row, but is empty. {AGAIN}")
    for name, count in Counter(result.candidate for result in results).items():
        if count > 1:
            raise InputError(f"{path} must hold each candidate once, but {name} is {count} times.")
    for name in ("metric", "task", "data", "source", "num_test"):
        values = sorted({str(getattr(result, name)) for result in results})
        if len(values) > 1:
            raise InputError(
                f"{path} must hold one {name}, but got {', '.join(values)}. "
                "Keep one run folder for each."
            )
    if results[0].metric not in VOCABULARIES:
        raise InputError(
            f"{path} must hold one of {', '.join(VOCABULARIES)}, but its metric is "
            f"{results[0].metric!r}. Use the version of polyscale that wrote the run."
        )


def _check_contrasts(
    path: Path, contrasts: Sequence[Contrast], names: Iterable[str], metric: str
) -> None:
    for contrast in contrasts:
        if contrast.metric != metric:
            raise InputError(
                f"{path} must hold differences of {metric}, but holds {contrast.metric!r}. {AGAIN}"
            )
    known = {frozenset((c.first, c.second)) for c in contrasts}
    for first, second in combinations(names, 2):
        if frozenset((first, second)) not in known:
            raise InputError(
                f"{path} must hold every pair of candidates, but has no {first} against {second}. "
                f"{AGAIN}"
            )


def _read_pictures(path: Path, predictions: Predictions) -> tuple[Picture, ...]:
    check_exists(path)
    try:
        rows = pq.read_table(path, columns=["id", "label", "image"]).to_pylist()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise damaged(path, error) from error
    return tuple(_picture(path, row, _answers(path, row["id"], predictions)) for row in rows)


def _answers(path: Path, id_: str, predictions: Predictions) -> dict[str, Answer]:
    at = int(np.searchsorted(predictions.ids, id_))
    if at == len(predictions.ids) or predictions.ids[at] != id_:
        raise InputError(
            f"{path} must hold test images, but predictions.parquet has no {id_!r}. {AGAIN}"
        )
    return answers_at(predictions, at)


def answers_at(predictions: Predictions, at: int) -> dict[str, Answer]:
    """Every candidate's answer to one image."""
    return {
        name: Answer(
            said[at], float(predictions.probability[name][at]), bool(predictions.correct[name][at])
        )
        for name, said in predictions.said.items()
    }


def _picture(path: Path, row: Mapping[str, Any], answers: Mapping[str, Answer]) -> Picture:
    jpeg = row["image"]["bytes"]
    try:
        with Image.open(BytesIO(jpeg), formats=["JPEG"]) as image:
            size = image.size
    except (OSError, TypeError) as error:
        raise damaged(path, f"image {row['id']!r} is not a JPEG") from error
    return Picture(id=row["id"], label=row["label"], jpeg=jpeg, size_wh=size, answers=answers)


def _date(results: Iterable[Result], path: Path) -> str:
    """What the rows say, or else when their file was written."""
    for result in results:
        for facts in (result.settings, result.versions):
            if "date" in facts:
                return str(facts["date"])
    written = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
    return written.strftime("%Y-%m-%d")
