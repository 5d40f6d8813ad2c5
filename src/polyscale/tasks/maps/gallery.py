"""Test images on which candidates differ most, with every candidate's prediction."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polyscale.tasks.evaluation import Evaluation
from polyscale.tasks.files import GALLERY_PX, jpeg, most_divided
from polyscale.tasks.maps.evaluate import predict_image
from polyscale.tasks.maps.predictor import Outputs
from polyscale.tasks.maps.samples import Samples, nearest
from polyscale.types import Candidate

NUM_IMAGES = 12

UNKNOWN = {"label": 2**16 - 1, "depth": 0}
"""What stands in a 16-bit picture for a pixel of which nothing is known."""


def gallery_table(
    evaluations: Mapping[Candidate, Evaluation], samples: Samples, outputs: Outputs
) -> Any:
    """The image, its truth and every candidate's prediction, at most `GALLERY_PX` a side.

    Returns:
        A pyarrow table with one row for each picture. An image is a JPEG; truth and predictions are
        16-bit grey PNGs of labels, or of millimetres. `score` is the metric on this image.
    """
    import pyarrow as pa

    text = pa.string()
    fields = {"id": text, "kind": text, "candidate": text, "bytes": pa.binary()}
    schema = pa.schema({**fields, "score": pa.float64()})
    rows: list[dict[str, Any]] = []
    images = samples.images
    image_scores = [evaluation.scores.image_scores for evaluation in evaluations.values()]
    for index in most_divided(image_scores, NUM_IMAGES, equal_too=True):
        share = min(1.0, GALLERY_PX / max(images.sizes_hw[index]))
        height, width = (max(1, round(side * share)) for side in images.sizes_hw[index])
        small = images.read(index).resize((width, height), Image.Resampling.LANCZOS)
        truth = to_png(nearest(images.target(index), (height, width)))
        pictures: list[dict[str, Any]] = [
            {"kind": "image", "bytes": jpeg(small)},
            {"kind": "truth", "bytes": truth},
        ]
        for candidate, evaluation in evaluations.items():
            predicted = predict_image(evaluation.head, evaluation.test, samples, index, outputs)
            pictures.append(
                {
                    "kind": "prediction",
                    "candidate": str(candidate),
                    "bytes": to_png(nearest(predicted, (height, width))),
                    "score": float(evaluation.scores.image_scores[index]),
                }
            )
        rows += [{"id": images.ids[index], **picture} for picture in pictures]
    return pa.Table.from_pylist(rows, schema)


def to_png(target: NDArray) -> bytes:
    """Labels, or metres as millimetres, as a 16-bit grey PNG."""
    if np.issubdtype(target.dtype, np.floating):
        millimetres = np.nan_to_num(target * 1000, nan=UNKNOWN["depth"]).round()
        grey = millimetres.clip(0, 2**16 - 1).astype(np.uint16)
    else:
        labels = target.astype(np.int64)  # those of 16 bits do not hold the mark
        grey = np.where(labels < 0, UNKNOWN["label"], labels).astype(np.uint16)
    buffer = BytesIO()
    Image.fromarray(grey).save(buffer, "PNG")  # optimize=True: thrice the time, 2 % less
    return buffer.getvalue()
