"""Helpers for galleries: small pictures, and the choice of images."""

import io
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GALLERY_PX = 448
"""Longer side of the pictures of a gallery, at most."""


def jpeg(image: Image.Image) -> bytes:
    """A picture as a small file."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def thumbnail(image: Image.Image) -> bytes:
    """A picture of at most `GALLERY_PX` a side, as a small file."""
    small = image.copy()
    small.thumbnail((GALLERY_PX, GALLERY_PX))
    return jpeg(small)


def answers_table(rows: Iterable[tuple[str, str, bytes]]) -> Any:
    """A gallery of pictures with answers, as a pyarrow table.

    Args:
        rows: id of a test image, its target in words, and the picture as a JPEG.
    """
    import pyarrow as pa

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = [
        {"id": id_, "label": label, "image": {"bytes": content, "path": f"{number}.jpg"}}
        for number, (id_, label, content) in enumerate(rows)
    ]
    return pa.Table.from_pylist(
        table, pa.schema({"id": pa.string(), "label": pa.string(), "image": image})
    )


def most_divided(
    image_scores: Iterable[NDArray[np.floating]], num: int, *, equal_too: bool = False
) -> list[int]:
    """Indices of test images whose scores differ most among candidates, the most divided first.

    Args:
        image_scores: of each candidate (num_test,); NaN where nothing is known.
        num: images, at most.
        equal_too: whether images on which all candidates score the same may be among them.
    """
    scores = np.stack([np.asarray(own, np.float64) for own in image_scores])
    known = np.flatnonzero(~np.isnan(scores).any(axis=0))
    spread = scores[:, known].std(axis=0).round(9)  # so that equal spreads tie
    order = np.argsort(-spread, kind="stable")[:num]
    return [int(known[i]) for i in order if equal_too or spread[i] > 0]
