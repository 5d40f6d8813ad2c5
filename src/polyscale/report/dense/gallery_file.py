"""Test images with their truth and what each candidate makes of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Shaped
from numpy.typing import NDArray
from PIL import Image

from polyscale.data.dataset import IGNORED
from polyscale.errors import InputError
from polyscale.report.files import AGAIN, check_exists, damaged

IGNORED_GREY = 65535
MM_PER_M = 1000
COLUMNS = ["id", "kind", "candidate", "bytes", "score"]

Target: TypeAlias = Shaped[NDArray, "h w"]
"""`Labels` of segmentation, `Depth` of depth."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a candidate makes of an image.

    Attributes:
        target: labels or metres.
        score: the image's own mean IoU or RMSE; None where nothing of it is known.
    """

    target: Target
    score: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class DensePicture:
    """A test image on which candidates differ.

    Attributes:
        id: of the image in its data set.
        jpeg: the image's bytes.
        size_wh: width and height in pixels, of all of it.
        truth: labels or metres.
        predicted: by each candidate.
    """

    id: str
    jpeg: bytes
    size_wh: tuple[int, int]
    truth: Target
    predicted: Mapping[str, Predicted]


def read_dense_gallery(
    path: Path, names: Iterable[str], metric: str, num_classes: int
) -> tuple[DensePicture, ...]:
    """Read `gallery.parquet`.

    Args:
        path: the file.
        names: candidates that must have a prediction of each image.
        metric: `miou` or `rmse`.
        num_classes: that labels may name; of depth, any number.

    Raises:
        InputError: if the file is missing or damaged, or lacks a picture.
    """
    check_exists(path)
    try:
        rows = pq.read_table(path, columns=COLUMNS).to_pylist()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise damaged(path, error) from error
    by_id: dict[str, dict[tuple[str, str | None], Mapping[str, Any]]] = {}
    for row in rows:
        by_id.setdefault(row["id"], {})[row["kind"], row["candidate"]] = row
    candidates = tuple(names)
    wanted: list[tuple[str, str | None]] = [("image", None), ("truth", None)]
    wanted += [("prediction", name) for name in candidates]
    for id_, own in by_id.items():
        missing = [key for key in wanted if key not in own]
        if missing:
            what = " of ".join(filter(None, missing[0]))
            raise InputError(
                f"{path} must hold the {what} for image {id_!r}, but does not. {AGAIN}"
            )
    classes = num_classes if metric == "miou" else None
    return tuple(_picture(path, id_, own, candidates, classes) for id_, own in by_id.items())


def _picture(
    path: Path,
    id_: str,
    own: Mapping[tuple[str, str | None], Mapping[str, Any]],
    candidates: Iterable[str],
    num_classes: int | None,
) -> DensePicture:
    jpeg = own["image", None]["bytes"]
    try:
        with Image.open(BytesIO(jpeg), formats=["JPEG"]) as image:
            size = image.size
        truth = _target(own["truth", None]["bytes"], size, num_classes)
        predicted = {
            name: Predicted(_target(row["bytes"], size, num_classes), _score(row))
            for name in candidates
            for row in (own["prediction", name],)
        }
    except (OSError, TypeError, ValueError) as error:
        raise damaged(path, f"image {id_!r}: {error}") from error
    return DensePicture(id=id_, jpeg=jpeg, size_wh=size, truth=truth, predicted=predicted)


def _target(png: bytes, size_wh: tuple[int, int], num_classes: int | None) -> Target:
    """Decode a 16-bit grey PNG: labels where there are classes, else millimetres.

    Raises:
        ValueError: if it has another size than its image, or a label is no class.
    """
    with Image.open(BytesIO(png), formats=["PNG"]) as image:
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


def _score(row: Mapping[str, Any]) -> float | None:
    score = row["score"]
    return None if score is None or np.isnan(score) else float(score)
