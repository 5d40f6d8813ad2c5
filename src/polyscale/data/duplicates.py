"""Test images that look the same as a training image.

A perceptual hash and tiny thumbnails propose pairs, and `same_picture` looks at the pixels of each.
The hash has a bit for each pair of neighbours in 9×8 grey pixels: which of the two is brighter
(dHash). It survives other encodings, sizes and brightness, but scenes that only look alike share
it as well.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from PIL import Image

from polyscale.data.image import THUMB_PX
from polyscale.data.inspection_cache import ImageFacts, InspectionCache
from polyscale.data.listing import Listing
from polyscale.data.same_picture import MIN_AGREEMENT, Small, agreement, read_small
from polyscale.records import ImagePair

MAX_BITS = 10
"""Of 64. Nine in ten copies at JPEG quality 10 differ in at most 6, at half size in at most 1."""

MIN_CORRELATION = 0.95
"""Of the two thumbnails."""

NUM_PROPOSED = 3
"""Training images, those with the highest correlation, that each test image is compared with."""

MIN_SIDE_PX = 32
"""Smaller images look alike without being copies (handwritten digits); only bytes count there."""

MIN_THUMB_CONTRAST = 4.0
"""Standard deviation of a thumbnail in levels of 0 to 255: flat images have no hash worth it."""

ONES = (4, 60)
"""Set bits of a hash that says something: a plain gradient sets all or none."""

BLOCK = 1024
"""Images of each side compared at once. All pairs are: 10⁹ take 5 s, all of ImageNet 5 minutes."""

KEPT_SMALL = 4096
"""Pictures that are kept in memory meanwhile, 16 kB each."""


def find_same_pictures(
    train: Listing, test: Listing, cache: InspectionCache
) -> tuple[tuple[ImagePair, ...], tuple[ImagePair, ...]]:
    """Test images that look the same as a training image, each with the nearest one.

    Both listings have their facts. Agreements of pixels are kept in the cache.

    Returns:
        Pairs with equal targets, and pairs with different ones. Targets that are files count as
        equal.
    """
    read_train, read_test = _reader(train), _reader(test)
    equal = {facts.digest: i for i, facts in reversed(list(enumerate(train.facts)))}
    proposed = _propose(train.facts, test.facts)

    def find(j: int) -> tuple[int, int, ImagePair] | None:
        if (twin := equal.get(test.facts[j].digest)) is not None:
            return twin, j, ImagePair(train.ids[twin], test.ids[j], 0, True, 1.0)
        for i, bits in proposed.get(j, ()):
            key = _pair_key(train.facts[i], test.facts[j])
            row = cache.get("pairs", key)
            found = row[0] if row else agreement(read_train(i), read_test(j))
            if row is None:
                cache.add("pairs", key, found)
            if found is not None and found >= MIN_AGREEMENT:
                return i, j, ImagePair(train.ids[i], test.ids[j], bits, False, found)
        return None

    with ThreadPoolExecutor() as pool:
        pairs = [pair for pair in pool.map(find, range(len(test))) if pair is not None]
    cache.commit()
    return (
        tuple(pair for i, j, pair in pairs if _have_equal_targets(train, i, test, j)),
        tuple(pair for i, j, pair in pairs if not _have_equal_targets(train, i, test, j)),
    )


def _reader(images: Listing) -> Callable[[int], Small]:
    @lru_cache(KEPT_SMALL)
    def read(index: int) -> Small:
        return read_small(images.content(index), name=images.ids[index])

    return read


def _pair_key(first: ImageFacts, second: ImageFacts) -> bytes:
    return blake2b(first.digest + second.digest, digest_size=16).digest()


def _have_equal_targets(train: Listing, i: int, test: Listing, j: int) -> bool:
    if not isinstance(train.targets, np.ndarray):
        return True
    return bool(np.array_equal(train.values[i], test.values[j]))


def _propose(
    train: Sequence[ImageFacts], test: Sequence[ImageFacts]
) -> dict[int, list[tuple[int, int]]]:
    """Index of a test image → training images that may show the same, and the differing bits."""
    rows, train_signs, train_pixels = _signs(train)
    columns, test_signs, test_pixels = _signs(test)
    proposed: dict[int, list[tuple[int, int]]] = {}
    for start in range(0, len(columns), BLOCK):
        signs, pixels = (own[start : start + BLOCK] for own in (test_signs, test_pixels))
        best = np.full((NUM_PROPOSED, len(signs)), -1, np.float32)
        where = np.zeros((NUM_PROPOSED, len(signs)), np.int64)
        for first in range(0, len(rows), BLOCK):
            own_signs, own_pixels = (
                own[first : first + BLOCK] for own in (train_signs, train_pixels)
            )
            likeness = own_pixels @ pixels.T / THUMB_PX**2
            # of signs, equal less different bits
            likeness[own_signs @ signs.T < 64 - 2 * MAX_BITS] = -1
            if (likeness >= MIN_CORRELATION).any():
                best, where = _merge(best, where, likeness, first)
        for column, place in np.argwhere(best.T >= MIN_CORRELATION):
            i = int(where[place, column])
            bits = int(64 - train_signs[i] @ signs[column]) // 2
            proposed.setdefault(int(columns[start + column]), []).append((int(rows[i]), bits))
    return proposed


def _merge(
    best: Float[np.ndarray, "k n"],
    where: Int64[np.ndarray, "k n"],
    new: Float[np.ndarray, "m n"],
    first: int,
) -> tuple[Float[np.ndarray, "k n"], Int64[np.ndarray, "k n"]]:
    """The highest values of each column so far, in falling order, and their rows."""
    rows = np.broadcast_to(first + np.arange(len(new))[:, None], new.shape)
    values, rows = np.concatenate([best, new]), np.concatenate([where, rows])
    order = np.argsort(-values, axis=0, kind="stable")[: len(best)]
    return np.take_along_axis(values, order, 0), np.take_along_axis(rows, order, 0)


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
    telling = (spread[:, 0] >= MIN_THUMB_CONTRAST) & (ones >= ONES[0]) & (ones <= ONES[1])
    standard = (pixels - pixels.mean(axis=1, keepdims=True)) / np.maximum(spread, 1e-6)
    signs = np.where(hashes, 1, -1).astype(np.float32)
    return np.array(large, dtype=np.int64)[telling], signs[telling], standard[telling]


def _hash(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """64 bits: whether each of 8×9 grey pixels is brighter than its left neighbour."""
    thumb = Image.fromarray(pixels.reshape(THUMB_PX, THUMB_PX))
    grey = np.asarray(thumb.resize((9, 8), Image.Resampling.BILINEAR))
    return (grey[:, 1:] > grey[:, :-1]).ravel()
