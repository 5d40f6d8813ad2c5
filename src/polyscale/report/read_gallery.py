"""The gallery of a run: pictures with answers, or maps, read and checked."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from polyscale.errors import InputError
from polyscale.records import SheetPicture
from polyscale.records.codec import AGAIN, damaged
from polyscale.records.tables import AnswerPicture, MapPicture, column_names, read_table
from polyscale.report.run import Images, MapImage, Picture, Target

IGNORED_GREY = 65535
IGNORED = -1
MM_PER_M = 1000
MAX_PICTURE_PX = 4_000_000
"""A gallery holds pictures of at most 448 pixels a side; far larger ones are not its own."""

Key = tuple[str, str | None]
"""The kind of a picture of a map, and the candidate if it is a prediction."""


def read_gallery(
    path: Path, images: Images, names: Sequence[str], num_classes: int | None
) -> dict[str, tuple[Any, ...]]:
    """`pictures` of answers, or `maps` where its columns are those of maps.

    Maps are of labels where there are classes, and otherwise of depth.

    Raises:
        InputError: if the file is missing or damaged, or lacks a picture.
    """
    if "kind" not in column_names(path):
        return {"pictures": read_pictures(path, images)}
    by_id: dict[str, dict[Key, Any]] = {}
    for row in read_rows(path, MapPicture):
        by_id.setdefault(row["id"], {})[row["kind"], row["candidate"]] = row
    wanted: list[Key] = [("image", None), ("truth", None), *(("prediction", n) for n in names)]
    for id_, rows in by_id.items():
        for key in wanted:
            if key not in rows:
                what = " of ".join(filter(None, key))
                raise InputError(
                    f"{path} must hold the {what} for image {id_!r}, but does not. {AGAIN}"
                )
    maps = (_map(path, id_, rows, names, num_classes) for id_, rows in by_id.items())
    return {"maps": tuple(maps)}


def read_pictures(path: Path, images: Images) -> tuple[Picture, ...]:
    """Pictures of test images that have answers.

    Raises:
        InputError: if the file is missing or damaged, or a picture is of another image.
    """
    return tuple(_picture(path, row, images) for row in read_rows(path, AnswerPicture))


def read_sheet(path: Path) -> tuple[SheetPicture, ...]:
    """The contact sheet; empty where the run has none."""
    if not path.exists():
        return ()
    rows = read_rows(path, SheetPicture)
    for row in rows:
        open_picture(path, row["id"], row["bytes"], "JPEG")
    return tuple(SheetPicture(**row) for row in rows)


def read_rows(path: Path, kind: type) -> list[dict[str, Any]]:
    """The rows of a Parquet file as plain values; see `read_table`."""
    columns = {name: column.to_pylist() for name, column in read_table(path, kind).items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _picture(path: Path, row: Mapping[str, Any], images: Images) -> Picture:
    if not images.predictions:
        raise damaged(path, "its images have no answers in the file of images")
    if row["id"] not in images.index:
        raise InputError(
            f"{path} must hold test images, but the run has no {row['id']!r} among them. {AGAIN}"
        )
    jpeg: Any = row["image"].get("bytes") if isinstance(row["image"], dict) else None
    size_wh = open_picture(path, row["id"], jpeg, "JPEG").size
    return Picture(id=row["id"], label=row["label"], jpeg=jpeg, size_wh=size_wh)


def _map(
    path: Path, id_: str, rows: Mapping[Key, Any], names: Sequence[str], num_classes: int | None
) -> MapImage:
    jpeg = rows["image", None]["bytes"]
    size_wh = open_picture(path, id_, jpeg, "JPEG").size

    def target(row: Mapping[str, Any]) -> Target:
        image = open_picture(path, id_, row["bytes"], "PNG")
        try:
            return _target(image, size_wh, num_classes)
        except ValueError as error:
            raise damaged(path, f"image {id_!r}: {error}") from error

    predictions = {name: rows["prediction", name] for name in names}
    scores = {name: row["score"] for name, row in predictions.items()}
    return MapImage(
        id=id_,
        jpeg=jpeg,
        size_wh=size_wh,
        truth=target(rows["truth", None]),
        predicted={name: target(row) for name, row in predictions.items()},
        scores={n: s if s is not None and isfinite(s) else None for n, s in scores.items()},
    )


def open_picture(path: Path, id_: str, content: object, kind: str) -> Image.Image:
    """A whole picture from a file of a run; InputError if it is none."""
    try:
        if not isinstance(content, bytes):
            raise ValueError
        image = Image.open(BytesIO(content), formats=[kind])
        if image.width * image.height > MAX_PICTURE_PX:
            raise ValueError
        image.load()
        return image
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise damaged(path, f"image {id_!r} is not a {kind} of this run") from error


def _target(image: Image.Image, size_wh: tuple[int, int], num_classes: int | None) -> Target:
    """A 16-bit grey PNG as labels where there are classes, else as metres.

    Raises:
        ValueError: if it has another size than its image, or a label is no class.
    """
    if image.size != size_wh:
        raise ValueError("its pictures differ in size")
    grey = np.asarray(image).astype(np.int64)
    if grey.ndim != 2:
        raise ValueError("a map is not grey")
    if num_classes is None:
        return np.where(grey > 0, grey / MM_PER_M, np.nan).astype(np.float32)
    labels = np.where(grey == IGNORED_GREY, IGNORED, grey)
    if labels.max(initial=IGNORED) >= num_classes:
        raise ValueError(f"label {labels.max()} is none of {num_classes} classes")
    return labels.astype(np.int16)
