"""Test images on which candidates differ most, with what each says of every pixel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from polyscale.heads.dense import Maps
from polyscale.studies.dense.judge import predict_image
from polyscale.studies.dense.outputs import Outputs
from polyscale.studies.dense.samples import Samples, nearest
from polyscale.studies.dense.task import Judged
from polyscale.studies.run_files import GALLERY_PX, jpeg
from polyscale.types import HW, Candidate

NUM_PICTURES = 12

UNKNOWN = {"label": 2**16 - 1, "depth": 0}
"""What stands in a 16-bit picture for a pixel of which nothing is known."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture of the gallery, one of several of an image.

    Attributes:
        id: of the image.
        kind: "image", "truth" or "prediction".
        candidate: whose prediction it is, or None.
        content: JPEG of an image; 16-bit grey PNG of labels, or of millimetres.
        score: the metric on this image, or None.
    """

    id: str
    kind: str
    candidate: str | None
    content: bytes
    score: float | None


def choose_pictures(judged: Mapping[Candidate, Judged]) -> list[int]:
    """Indices of test images, those first whose scores differ most among candidates."""
    scores = np.stack([found.image_scores for found in judged.values()])
    known = np.flatnonzero(~np.isnan(scores).any(axis=0))
    spread = scores[:, known].std(axis=0)
    return known[np.argsort(-spread, kind="stable")][:NUM_PICTURES].tolist()


def draw_pictures(
    chosen: Sequence[int],
    heads: Mapping[Candidate, nn.Module],
    maps: Mapping[Candidate, Maps],
    judged: Mapping[Candidate, Judged],
    samples: Samples,
    outputs: Outputs,
) -> list[Picture]:
    """The image, its truth and every candidate's prediction, at most `GALLERY_PX` a side."""
    pictures = []
    for index in chosen:
        id_, small_hw = samples.images.ids[index], _small(samples.images.sizes_hw[index])
        image = samples.images.read(index).resize(small_hw[::-1], Image.Resampling.LANCZOS)
        pictures.append(
            Picture(id=id_, kind="image", candidate=None, content=jpeg(image), score=None)
        )
        truth = to_png(nearest(samples.images.target(index), small_hw))
        pictures.append(Picture(id=id_, kind="truth", candidate=None, content=truth, score=None))
        for candidate, head in heads.items():
            predicted = predict_image(head, maps[candidate], samples, index, outputs)
            pictures.append(
                Picture(
                    id=id_,
                    kind="prediction",
                    candidate=str(candidate),
                    content=to_png(nearest(predicted, small_hw)),
                    score=float(judged[candidate].image_scores[index]),
                )
            )
    return pictures


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
