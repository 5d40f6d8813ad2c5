"""The Parquet files of a run: their columns, and how they are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from polyscale.records.codec import check_exists, damaged

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class ImageRow:
    """A row of any file of images: a candidate on a test image. Tasks add their statistics."""

    candidate: str
    id: str


@dataclass(frozen=True, kw_only=True)
class TextRow(ImageRow):
    """A row of a task whose targets (`label`) and predictions can be shown as text."""

    label: str
    prediction: str


@dataclass(frozen=True, kw_only=True)
class PredictionRow(TextRow):
    """A row of `predictions.parquet`; `probability` is that of the true class."""

    probability: float
    correct: bool


@dataclass(frozen=True, kw_only=True)
class CategoryRow(TextRow):
    """A row of a task of questions; `label` is the right option, `category` the question's kind."""

    category: str
    correct: bool


@dataclass(frozen=True, kw_only=True)
class AskedRow(CategoryRow):
    """A row of a task of questions in which each candidate is trained; `question` is the text."""

    question: str


@dataclass(frozen=True, kw_only=True)
class AnswerPicture:
    """A row of `gallery.parquet` of answers: a picture (a struct whose `bytes` are a JPEG)."""

    id: str
    label: str
    image: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class MapPicture:
    """A row of `gallery.parquet` of maps: one of several pictures of a test image.

    Attributes:
        kind: "image", "truth" or "prediction"; predictions have a `candidate` and a `score`.
        bytes: JPEG of an image; 16-bit grey PNG of labels (65535 is ignored), or of millimetres
            (0 is unknown).
    """

    id: str
    kind: str
    candidate: str | None
    bytes: bytes
    score: float | None


@dataclass(frozen=True, kw_only=True)
class ObjectRow(ImageRow):
    """A row of `objects.parquet`: an object of the truth. A column `class` holds its class."""

    area_px: int
    iou: float


def column_names(path: Path) -> list[str]:
    """The columns of a file; InputError if the file is missing or damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_exists(path)
    try:
        return list(pq.read_schema(BytesIO(path.read_bytes())).names)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(path, error) from error


def read_table(path: Path, kind: type, more: Sequence[str] = ()) -> dict[str, "pa.ChunkedArray"]:
    """The columns of a Parquet file, each as the type that its schema names.

    Args:
        path: of the file.
        kind: dataclass of a row.
        more: further columns, which are not checked.

    Raises:
        InputError: if the file is missing or damaged, or a column is missing, empty in places
            where it must not be, or of another type.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    missing = [name for name in (*names, *more) if name not in column_names(path)]
    if missing:
        raise damaged(path, f"the column {missing[0]!r} is missing")
    try:
        # from memory: a path may hold bytes that are no UTF-8
        table = pq.read_table(BytesIO(path.read_bytes()), columns=[*names, *more])
        return {name: _cast(table[name], name, hints[name]) for name in names} | {
            name: table[name] for name in more
        }
    except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError) as error:
        raise damaged(path, error) from error


def _cast(column: "pa.ChunkedArray", name: str, kind: Any) -> "pa.ChunkedArray":
    import pyarrow as pa

    holds = pa.types
    plain = {str: pa.string(), bytes: pa.binary(), float: pa.float64(), int: pa.int64()}
    may_be_empty = type(None) in get_args(kind)
    if column.null_count and not may_be_empty:
        raise ValueError(f"the column {name!r} must hold a value in every row")
    inner = next(iter(get_args(kind)), kind) if may_be_empty else kind
    if inner is bool and not holds.is_boolean(column.type):
        raise ValueError(f"the column {name!r} must hold true or false, but holds {column.type}")
    numbers = (holds.is_floating, holds.is_integer, holds.is_null)
    if inner is float and not any(is_kind(column.type) for is_kind in numbers):
        raise ValueError(f"the column {name!r} must hold numbers, but holds {column.type}")
    # whatever type a writer chose for it: an empty list has none
    return column.cast(plain[inner]) if inner in plain else column
