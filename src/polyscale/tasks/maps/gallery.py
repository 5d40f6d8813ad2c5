"""Test images on which candidates differ most, with every candidate's prediction."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polyscale.tasks.files import GALLERY_PX, jpeg, most_divided
from polyscale.tasks.maps.evaluate import MapEvaluation, predict_image
from polyscale.tasks.maps.predictor import Outputs
from polyscale.tasks.maps.samples import Samples, nearest
from polyscale.types import HW, Candidate

NUM_IMAGES = 12

UNKNOWN = {"label": 2**16 - 1, "depth": 0}
"""What stands in a 16-bit picture for a pixel of which nothing is known."""


def gallery_table(
    evaluations: Mapping[Candidate, MapEvaluation], samples: Samples, outputs: Outputs
) -> Any:
    """The image, its truth and every candidate's prediction, at most `GALLERY_PX` a side.

    Args:
        evaluations: of the candidates.
        samples: every view of every test image.
        outputs: what scores mean.

    Returns:
        A pyarrow table with one row for each picture. An image is a JPEG; truth and predictions are
        16-bit grey PNGs of labels, or of millimetres. `score` is the metric on this image.
    """
    import pyarrow as pa

    scores = [own.scores.image_scores for own in evaluations.values()]
    images = samples.images
    rows: list[tuple[str, str, str | None, bytes, float | None]] = []
    for index in most_divided(scores, NUM_IMAGES, equal_too=True):
        id_, small_hw = images.ids[index], _small(images.sizes_hw[index])
        image = images.read(index).resize(small_hw[::-1], Image.Resampling.LANCZOS)
        truth = to_png(nearest(images.target(index), small_hw))
        rows += [(id_, "image", None, jpeg(image), None), (id_, "truth", None, truth, None)]
        for candidate, own in evaluations.items():
            predicted = predict_image(own.head, own.maps, samples, index, outputs)
            picture = to_png(nearest(predicted, small_hw))
            score = float(own.scores.image_scores[index])
            rows.append((id_, "prediction", str(candidate), picture, score))
    text = pa.string()
    fields = {"id": text, "kind": text, "candidate": text, "bytes": pa.binary()}
    schema = pa.schema({**fields, "score": pa.float64()})
    columns: list[Any] = list(zip(*rows, strict=True)) or [[]] * len(schema)
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema)


def to_png(target: NDArray) -> bytes:
    """Labels, or metres as millimetres, as a 16-bit grey PNG."""
    if np.issubdtype(target.dtype, np.floating):
        millimetres = np.nan_to_num(target * 1000, nan=UNKNOWN["depth"]).round()
        grey = millimetres.clip(0, 2**16 - 1).astype(np.uint16)
    else:
        grey = np.where(target < 0, UNKNOWN["label"], target).astype(np.uint16)
    buffer = BytesIO()
    Image.fromarray(grey).save(buffer, "PNG")  # optimize=True: thrice the time, 2 % less
    return buffer.getvalue()


def _small(image_hw: HW) -> HW:
    share = min(1.0, GALLERY_PX / max(image_hw))
    return max(1, round(image_hw[0] * share)), max(1, round(image_hw[1] * share))
