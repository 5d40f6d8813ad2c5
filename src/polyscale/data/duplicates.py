"""Test images that are copies of training images: found by a perceptual hash, then looked at.

The hash has a bit for each pair of neighbours in 9×8 grey pixels: which of the two is brighter
(dHash). It survives other encodings, sizes and brightness. Two hashes that differ in few bits make
a candidate, and the thumbnails of both must correlate too: either sign alone is also given by
scenes that only look alike.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polyscale.data.image import THUMB_PX
from polyscale.data.inspection_cache import ImageFacts
from polyscale.records import NearDuplicate

MAX_BITS = 10
"""Of 64. Nine in ten copies at JPEG quality 10 differ in at most 6, at half size in at most 1."""

MIN_CORRELATION = 0.95
"""Of the two thumbnails. Of `rooms`, whose scenes look alike, no pair has both signs."""

MIN_SIDE_PX = 32
"""Smaller images look alike without being copies (handwritten digits); only bytes count there."""

MIN_CONTRAST = 4.0
"""Standard deviation of a thumbnail in levels of 0 to 255: flat images have no hash worth it."""

ONES = (4, 60)
"""Set bits of a hash that says something: a plain gradient sets all or none."""

BLOCK = 1024
"""Images of each side compared at once. All pairs are: 10⁹ take 5 s, all of ImageNet 5 minutes."""


def find_near_duplicates(
    train: Mapping[str, ImageFacts], test: Mapping[str, ImageFacts]
) -> tuple[NearDuplicate, ...]:
    """Test images with a copy among the training images, each with the nearest one."""
    train_ids, train_facts = list(train), list(train.values())
    test_ids, test_facts = list(test), list(test.values())
    same = {facts.digest: i for i, facts in reversed(list(enumerate(train_facts)))}
    copies = {j: (0, same[f.digest], True) for j, f in enumerate(test_facts) if f.digest in same}
    for i, j, bits in _close_pairs(train_facts, test_facts):
        if j not in copies or ((bits, i) < copies[j][:2] and not copies[j][2]):
            copies[j] = (bits, i, False)
    return tuple(
        NearDuplicate(train_ids[i], test_ids[j], bits, same_bytes)
        for j, (bits, i, same_bytes) in sorted(copies.items())
    )


def _close_pairs(
    train: Sequence[ImageFacts], test: Sequence[ImageFacts]
) -> Iterator[tuple[int, int, int]]:
    """Index of a training image, of a test image, and the bits in which they differ."""
    rows, train_signs, train_pixels = _signs(train)
    columns, test_signs, test_pixels = _signs(test)
    for i in range(0, len(rows), BLOCK):
        for j in range(0, len(columns), BLOCK):
            # of signs, equal less different bits
            agreement = train_signs[i : i + BLOCK] @ test_signs[j : j + BLOCK].T
            for a, b in np.argwhere(agreement >= 64 - 2 * MAX_BITS):
                if np.mean(train_pixels[i + a] * test_pixels[j + b]) >= MIN_CORRELATION:
                    yield int(rows[i + a]), int(columns[j + b]), int(64 - agreement[a, b]) // 2


def _signs(
    images: Sequence[ImageFacts],
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """Indices of images that can be told apart, their hashes as ±1 (n, 64), thumbnails (n, 256)."""
    large = [i for i, facts in enumerate(images) if min(facts.image_hw) >= MIN_SIDE_PX]
    pixels = np.array([images[i].pixels for i in large], dtype=np.float32)
    pixels = pixels.reshape(len(large), THUMB_PX**2)
    spread = pixels.std(axis=1, keepdims=True)
    hashes = np.array([_hash(images[i].pixels) for i in large], dtype=bool)
    hashes = hashes.reshape(len(large), 64)
    ones = hashes.sum(axis=1)
    telling = (spread[:, 0] >= MIN_CONTRAST) & (ones >= ONES[0]) & (ones <= ONES[1])
    standard = (pixels - pixels.mean(axis=1, keepdims=True)) / np.maximum(spread, 1e-6)
    signs = np.where(hashes, 1, -1).astype(np.float32)
    return np.array(large, dtype=np.int64)[telling], signs[telling], standard[telling]


def _hash(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """64 bits: whether each of 8×9 grey pixels is brighter than its left neighbour."""
    thumb = Image.fromarray(pixels.reshape(THUMB_PX, THUMB_PX))
    grey = np.asarray(thumb.resize((9, 8), Image.Resampling.BILINEAR))
    return (grey[:, 1:] > grey[:, :-1]).ravel()
