"""What all candidates share: folds of images, and moments over tokens."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from polyscale.errors import InputError
from polyscale.features import MapSource
from polyscale.learning.heads import Moments, accumulate, total
from polyscale.tasks.evaluation import Case
from polyscale.tasks.reconstruction.data import ReconstructionData
from polyscale.tasks.reconstruction.maps import Tokens as Rows
from polyscale.tasks.reconstruction.maps import batches
from polyscale.tasks.reconstruction.scores import VARIES
from polyscale.types import Progress

NUM_FOLDS = 4
"""Of whole images, by which the regulariser is chosen."""

Shard = tuple[Rows, Rows, NDArray[np.int64]]


@dataclass(frozen=True, kw_only=True, eq=False)
class BackboneMoments:
    """Of all scales of a backbone and the target: of each fold of training images, and of test."""

    folds: list[Moments]
    test: Moments

    def select(self, columns: NDArray[np.integer]) -> "BackboneMoments":
        """Of some columns of the features."""
        folds = [fold.select(columns) for fold in self.folds]
        return BackboneMoments(folds=folds, test=self.test.select(columns))


@dataclass(frozen=True, eq=False)
class Tokens:
    """What is shared by all candidates.

    Attributes:
        data: images and the target's maps.
        seed: of the folds.
    """

    data: ReconstructionData
    seed: int
    _moments: dict[tuple[Any, ...], BackboneMoments] = field(default_factory=dict)

    @property
    def train(self) -> Any:
        """Images whose features are wanted for training."""
        return self.data.train

    @property
    def test(self) -> Any:
        """Those that are tested."""
        return self.data.test

    @cached_property
    def folds(self) -> NDArray[np.int64]:
        """The fold of each training image (num_train,)."""
        num = len(self.data.train)
        return np.random.default_rng(self.seed).permutation(num) % min(NUM_FOLDS, num)

    def moments(self, case: Case) -> BackboneMoments:
        """The moments of a candidate: a part of those of all scales of its backbone.

        They are accumulated in one pass and kept until another backbone comes.
        """
        key = (case.candidate.backbone, *case.train.features)
        if key not in self._moments:
            self._moments.clear()
            self._moments[key] = self._accumulate(case)
        return self._moments[key].select(case.train.columns)

    @cached_property
    def axes(self) -> Float[np.ndarray, "channels channels"]:
        """The principal directions of the target on the training images, the first first."""
        (kept,) = self._moments.values()
        whole = total(kept.folds)
        return np.linalg.eigh(whole.scatter[whole.dim :, whole.dim :])[1][:, ::-1]

    def _accumulate(self, case: Case) -> BackboneMoments:
        step = f"{case.candidate.backbone}: tokens"
        folds = _accumulate(case.train, self.data, "train", self.folds, step, case.progress)
        none = np.zeros(len(self.data.test), np.int64)
        (test,) = _accumulate(case.test, self.data, "test", none, step, case.progress)
        _check_varies(total(folds), case, self.data)
        return BackboneMoments(folds=folds, test=test)


def target_maps(data: ReconstructionData, split: str) -> MapSource:
    """The target's maps of a split, which must have been computed."""
    maps = data.train_maps if split == "train" else data.test_maps
    assert maps is not None, "the target's maps are computed before candidates are judged"
    return maps


def _accumulate(
    maps: Any,
    data: ReconstructionData,
    split: str,
    folds: NDArray[np.int64],
    step: str,
    progress: Progress,
) -> list[Moments]:
    """The moments of each fold, in one pass over the tokens."""
    targets, num = target_maps(data, split), len(folds)
    joined = maps.on(data.target.grid_hw, all_scales=True)

    def shards() -> Iterator[Shard]:
        done = 0
        for number in range(folds.max() + 1):
            for images, (rows, wanted) in batches(
                np.flatnonzero(folds == number), [joined, targets]
            ):
                progress(f"{step} of {split} images", done, num, "images")
                yield rows, wanted, np.full(len(rows), number)
                done += len(images)
        progress(f"{step} of {split} images", num, num, "images")

    return accumulate(shards(), num_folds=int(folds.max()) + 1)


def _check_varies(moments: Moments, case: Case, data: ReconstructionData) -> None:
    dim, num = moments.dim, moments.num_rows
    variance = np.trace(moments.scatter[:dim, :dim]) / num
    if variance <= VARIES * (variance + (moments.means[0] ** 2).sum()):
        ids = data.train.ids
        raise InputError(
            f"{case.candidate.backbone} must give features that vary, but its features of all "
            f"training images of {data.name} are the same everywhere, from {ids[0]!r} to "
            f"{ids[-1]!r}. Check its weights, and that the images are not blank."
        )
