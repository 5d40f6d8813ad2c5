"""The gallery of a run: pictures with answers, or maps, read and checked."""

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from polyscale.errors import InputError
from polyscale.records.codec import AGAIN, damaged
from polyscale.records.tables import AnswerPicture, MapPicture, column_names, read_table
from polyscale.report.run import Answer, Images, MapImage, Picture, PredictedMap, Target

IGNORED_GREY = 65535
IGNORED = -1
MM_PER_M = 1000
MAX_PICTURE_PX = 4_000_000
"""A gallery holds pictures of at most 448 pixels a side; far larger ones are not its own."""


def read_gallery(
    path: Path, images: Images, names: Sequence[str], classes: Any
) -> dict[str, tuple[Any, ...]]:
    """`pictures` of answers, or `maps` where its columns are those of maps."""
    if "kind" not in column_names(path):
        return {"pictures": _read_pictures(path, images)}
    columns = read_table(path, MapPicture)
    rows = [
        dict(zip(columns, row, strict=True))
        for row in zip(*(column.to_pylist() for column in columns.values()), strict=True)
    ]
    by_id: dict[str, dict[tuple[str, str | None], Mapping[str, Any]]] = {}
    for row in rows:
        by_id.setdefault(row["id"], {})[row["kind"], row["candidate"]] = row
    wanted: list[tuple[str, str | None]] = [("image", None), ("truth", None)]
    wanted += [("prediction", name) for name in names]
    for id_, parts in by_id.items():
        for key in wanted:
            if key not in parts:
                what = " of ".join(filter(None, key))
                raise InputError(
                    f"{path} must hold the {what} for image {id_!r}, but does not. {AGAIN}"
                )
    num_classes = len(classes.names) if classes else None
    return {"maps": tuple(_map(path, id_, own, names, num_classes) for id_, own in by_id.items())}


def _read_pictures(path: Path, images: Images) -> tuple[Picture, ...]:
    columns = read_table(path, AnswerPicture)
    ids, labels = columns["id"].to_pylist(), columns["label"].to_pylist()
    if ids and not images.predictions:
        raise damaged(path, "its images have no answers in the file of images")
    pictures = []
    for id_, label, image in zip(ids, labels, columns["image"].to_pylist(), strict=True):
        at = int(np.searchsorted(images.ids, id_))
        if at == len(images.ids) or images.ids[at] != id_:
            raise InputError(
                f"{path} must hold test images, but the run has no {id_!r} among them. {AGAIN}"
            )
        jpeg: Any = image.get("bytes") if isinstance(image, dict) else None
        size_wh = _open(path, id_, jpeg, "JPEG").size
        pictures.append(
            Picture(id=id_, label=label, jpeg=jpeg, size_wh=size_wh, answers=answers(images, at))
        )
    return tuple(pictures)


def answers(images: Images, at: int) -> dict[str, Answer]:
    """Every candidate's answer to one image."""
    if images.labels is None:
        return {name: Answer(said[at]) for name, said in images.predictions.items()}
    correct = images.correct
    return {
        name: Answer(said[at], float(images.probability[name][at]), bool(correct[name][at]))
        for name, said in images.predictions.items()
    }


def _map(
    path: Path,
    id_: str,
    parts: Mapping[tuple[str, str | None], Mapping[str, Any]],
    names: Iterable[str],
    num_classes: int | None,
) -> MapImage:
    jpeg = parts["image", None]["bytes"]
    size_wh = _open(path, id_, jpeg, "JPEG").size

    def target(row: Mapping[str, Any]) -> Target:
        try:
            return _target(_open(path, id_, row["bytes"], "PNG"), size_wh, num_classes)
        except ValueError as error:
            raise damaged(path, f"image {id_!r}: {error}") from error

    return MapImage(
        id=id_,
        jpeg=jpeg,
        size_wh=size_wh,
        truth=target(parts["truth", None]),
        predicted={
            name: PredictedMap(target(row), _score(row["score"]))
            for name in names
            for row in (parts["prediction", name],)
        },
    )


def _open(path: Path, id_: str, content: object, kind: str) -> Image.Image:
    """A whole picture of a gallery."""
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


def _score(score: float | None) -> float | None:
    return None if score is None or not np.isfinite(score) else score
