"""Information in bits: how much less a linear map leaves unexplained than the best constant."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from polyscale.errors import InputError
from polyscale.features import MapSource
from polyscale.tasks.reconstruction.maps import batches

Shares = Float[np.ndarray, "resamples num_images"]
"""How much each image counts, which adds up to 1."""

VARIES = 1e-9
"""Features vary if their variance is a larger share than this of their mean square."""

LEAST = 2.0**-40
"""Of the constant's loss: no loss counts as smaller, as features are kept in float16."""


@dataclass(frozen=True, eq=False)
class ConstantLoss:
    """The mean squared error of the best constant for some images, however they are weighted.

    It is the mean square less the square of the mean: both are means over images.

    Attributes:
        squares: mean over tokens and channels of (y - c)² of each image (num_images,), where c is
            the best constant where all images count alike.
        means: mean over tokens of y - c of each image (num_images, channels).
    """

    squares: Float[np.ndarray, " num_images"]
    means: Float[np.ndarray, "num_images channels"]
    _last: dict[int, tuple[Shares, NDArray[np.float64]]] = field(default_factory=dict)

    def __call__(self, shares: Shares) -> Float[np.ndarray, " resamples"]:
        """The loss of each resample; it is the same for all candidates and computed once."""
        if (last := self._last.get(0)) is None or last[0] is not shares:
            means = shares @ self.means
            last = self._last[0] = shares, shares @ self.squares - (means**2).mean(axis=1)
        return last[1]

    @property
    def value(self) -> float:
        """Where all images count alike."""
        return float(self(np.full((1, len(self.squares)), 1 / len(self.squares)))[0])


def best_constant(maps: MapSource, ids: Sequence[str], name: str) -> ConstantLoss:
    """The loss of the best constant for a target's maps, in one pass over their tokens.

    Args:
        maps: of some images.
        ids: of the images.
        name: of the target, for errors.

    Raises:
        InputError: if the features are the same everywhere, or in every image.
    """
    num, dim = len(maps), maps.shape[3]
    squares, means, from_first = np.zeros(num), np.zeros((num, dim)), np.zeros(num)
    first = maps.take(np.zeros(1, np.int64)).astype(np.float64).reshape(1, -1, dim)
    centre = first.mean(axis=(0, 1))
    for images, (rows,) in batches(np.arange(num), [maps]):
        centred = rows.astype(np.float64).reshape(len(images), -1, dim) - centre
        squares[images], means[images] = (centred**2).mean(axis=(1, 2)), centred.mean(axis=1)
        from_first[images] = ((centred - (first - centre)) ** 2).mean(axis=(1, 2))
    best = means.mean(axis=0)
    squares -= (means * (2 * best) - best**2).mean(axis=1)
    constant = ConstantLoss(squares, means - best)
    # position embeddings alone make a map of a blank image vary
    same = {
        "everywhere": constant.value <= VARIES * (constant.value + ((centre + best) ** 2).mean()),
        "at each place": num > 1 and from_first.max() <= VARIES * constant.value,
    }
    if place := next((place for place, is_same in same.items() if is_same), None):
        raise InputError(
            f"target {name} must give features that vary, but they are the same {place} in "
            f"{num} images, from {ids[0]!r} to {ids[-1]!r}. Check its weights, and that the images "
            "are not blank."
        )
    return constant


@dataclass(frozen=True, eq=False)
class Information:
    """-log2(l / l0) of images, however they are weighted (paper, section 4.2).

    Attributes:
        losses: mean squared error over tokens and channels of each image (num_images,).
        constant: l0 of the same images.
    """

    losses: Float[np.ndarray, " num_images"]
    constant: ConstantLoss

    def __call__(self, shares: Shares) -> Float[np.ndarray, " resamples"]:
        """The information of each resample, in bits; 0 where a resample does not vary."""
        loss, constant = shares @ self.losses, self.constant(shares)
        known = constant > 0
        ratio = np.divide(loss, constant, out=np.ones_like(loss), where=known)
        return -np.log2(np.maximum(ratio, LEAST))

    @property
    def value(self) -> float:
        """Where all images count alike, in bits."""
        return float(self(np.full((1, len(self.losses)), 1 / len(self.losses)))[0])

    @property
    def of_images(self) -> Float[np.ndarray, " num_images"]:
        """Of each image, against the constant of all: they do not average to `value`."""
        return -np.log2(np.maximum(self.losses / self.constant.value, LEAST))
