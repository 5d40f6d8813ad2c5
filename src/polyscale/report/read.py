"""A run folder, read and checked."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from io import BytesIO
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from polyscale.errors import InputError
from polyscale.stats import find_contrast
from polyscale.types import Contrast, Result

Row = TypeVar("Row")

PREDICTION_COLUMNS = ["candidate", "id", "prediction", "probability", "correct"]


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
        results: one row a candidate.
        contrasts: one row a pair of candidates.
        pictures: test images on which candidates differ.
        date: when it was found, as ISO 8601.
    """

    results: tuple[Result, ...]
    contrasts: tuple[Contrast, ...]
    pictures: tuple[Picture, ...]
    date: str

    def contrast(self, first: str, second: str) -> Contrast:
        """The contrast of two candidates, turned round where it was written the other way."""
        return find_contrast(self.contrasts, first, second)


def read_run(folder: Path) -> Run:
    """Read the folder's four files.

    Raises:
        InputError: if one is missing or damaged, or they do not belong together.
    """
    results = _read_rows(folder / "results.json", Result.from_dict)
    _check_results(folder / "results.json", results)
    contrasts = _read_rows(folder / "contrasts.json", Contrast.from_dict)
    names = [result.candidate for result in results]
    _check_contrasts(folder / "contrasts.json", contrasts, names)
    return Run(
        results=results,
        contrasts=contrasts,
        pictures=_read_pictures(folder, names),
        date=_date(results, folder / "results.json"),
    )


def _read_rows(path: Path, make: Callable[[Any], Row]) -> tuple[Row, ...]:
    """A JSON list, each entry made into a row."""
    _check_exists(path)
    try:
        return tuple(make(row) for row in json.loads(path.read_bytes()))
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(path, error) from error


def _check_results(path: Path, results: tuple[Result, ...]) -> None:
    if not results:
        raise InputError(f"{path} must hold at least one row, but is empty. {_AGAIN}")
    for name, count in Counter(result.candidate for result in results).items():
        if count > 1:
            raise InputError(f"{path} must hold each candidate once, but {name} is {count} times.")
    for field in ("metric", "task", "data", "source", "num_test"):
        values = sorted({str(getattr(result, field)) for result in results})
        if len(values) > 1:
            raise InputError(
                f"{path} must hold one {field}, but got {', '.join(values)}. "
                "Keep one run folder for each."
            )
    if results[0].metric != "accuracy":
        raise InputError(f"{path} must hold accuracies, but its metric is {results[0].metric!r}.")


def _check_contrasts(path: Path, contrasts: Iterable[Contrast], names: Iterable[str]) -> None:
    known = {frozenset((c.first, c.second)) for c in contrasts}
    for first, second in combinations(names, 2):
        if frozenset((first, second)) not in known:
            raise InputError(
                f"{path} must hold every pair of candidates, but has no {first} against {second}. "
                f"{_AGAIN}"
            )


def _read_pictures(folder: Path, names: Iterable[str]) -> tuple[Picture, ...]:
    gallery_path, predictions_path = folder / "gallery.parquet", folder / "predictions.parquet"
    gallery = _read_table(gallery_path, ["id", "label", "image"])
    predictions = _read_table(predictions_path, PREDICTION_COLUMNS, [row["id"] for row in gallery])
    answers: dict[str, dict[str, Answer]] = {}
    for row in predictions:
        answer = Answer(row["prediction"], row["probability"], row["correct"])
        answers.setdefault(row["id"], {})[row["candidate"]] = answer
    for row in gallery:
        for name in names:
            if name not in answers.get(row["id"], {}):
                raise InputError(
                    f"{predictions_path} must hold the answer of {name} to image {row['id']!r} of "
                    f"{gallery_path.name}, but does not. {_AGAIN}"
                )
    return tuple(_picture(gallery_path, row, answers[row["id"]]) for row in gallery)


def _picture(path: Path, row: Mapping[str, Any], answers: Mapping[str, Answer]) -> Picture:
    jpeg = row["image"]["bytes"]
    try:
        with Image.open(BytesIO(jpeg), formats=["JPEG"]) as image:
            size = image.size
    except (OSError, TypeError) as error:
        raise _damaged(path, f"image {row['id']!r} is not a JPEG") from error
    return Picture(id=row["id"], label=row["label"], jpeg=jpeg, size_wh=size, answers=answers)


def _read_table(
    path: Path, columns: list[str], ids: list[str] | None = None
) -> list[dict[str, Any]]:
    """Columns of a Parquet file, of the rows with these ids or of all."""
    _check_exists(path)
    chosen = None
    if ids is not None:
        # both cast: an empty list has no type, and writers differ in string types
        chosen = pc.field("id").cast(pa.string()).isin(pa.array(ids, pa.string()))
    try:
        return pq.read_table(path, columns=columns, filters=chosen).to_pylist()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _damaged(path, error) from error


def _date(results: Iterable[Result], path: Path) -> str:
    """What the rows say, or else when their file was written."""
    for result in results:
        for facts in (result.settings, result.versions):
            if "date" in facts:
                return str(facts["date"])
    written = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
    return written.strftime("%Y-%m-%d")


_AGAIN = "Run polyscale compare again."


def _check_exists(path: Path) -> None:
    if not path.is_file():
        raise InputError(
            f"{path} must be a file that polyscale compare wrote, but is missing. "
            "Name the folder of a finished run."
        )


def _damaged(path: Path, reason: object) -> InputError:
    first_line = str(reason).partition("\n")[0]
    return InputError(f"{path} must be as polyscale compare wrote it, but: {first_line}. {_AGAIN}")
