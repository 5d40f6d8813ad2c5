"""What policies learn from, what they are tested on, and what candidates are chosen by."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polyscale.data import DemonstrationData, Demonstrations, Pictures, Starts
from polyscale.data.dataset import changed_fingerprint
from polyscale.errors import InputError

CHOOSING_SEED = 5 * 10**9
"""First seed of the scenes that candidates are chosen by: above those of recordings, and below
those of tests."""


@dataclass(frozen=True, eq=False)
class HeldEpisodes:
    """Held-out demonstrations, as a data set with one item for each episode: its first frame.

    Attributes:
        demonstrations: all frames of these episodes.
    """

    demonstrations: Demonstrations

    def __len__(self) -> int:
        return self.demonstrations.num_episodes

    @property
    def firsts(self) -> NDArray[np.int64]:
        """Index of each episode's first frame (num_episodes,)."""
        return np.searchsorted(self.demonstrations.episode_of, np.arange(len(self)))

    @property
    def ids(self) -> tuple[str, ...]:
        """Id of each episode's first frame."""
        return tuple(self.demonstrations.ids[i] for i in self.firsts)

    @property
    def fingerprint(self) -> str:
        """Changes when any frame changes."""
        return changed_fingerprint(self.demonstrations.fingerprint, self.firsts.tolist())

    @property
    def target_fingerprint(self) -> str:
        """Changes when any action or state changes."""
        return self.demonstrations.target_fingerprint

    def read(self, index: int, min_side: int | None = None) -> Image.Image:
        """The first frame of an episode."""
        return self.demonstrations.read(int(self.firsts[index]), min_side=min_side)


@dataclass(frozen=True, kw_only=True, eq=False)
class PickingSplit:
    """How the data are split, which is the same for all candidates.

    Candidates are chosen by simulated scenes, or by held-out frames if there is no simulator.

    Attributes:
        train: frames of the training demonstrations.
        test: frames of the test.
        learn: indices in `train` of the frames that policies are trained on.
        held: indices in `train` of held-out frames, which form whole episodes; may be empty.
        choosing: seeds of simulated scenes; may be empty.
    """

    train: Pictures
    test: Pictures
    learn: NDArray[np.int64]
    held: NDArray[np.int64]
    choosing: tuple[int, ...] = ()

    @classmethod
    def of(cls, data: DemonstrationData, settings: Any) -> "PickingSplit":
        """Split the data; if the scene can be simulated, all demonstrations are for training."""
        every, test = np.arange(len(data.train)), data.test
        if isinstance(test, Starts):
            choosing = tuple(range(CHOOSING_SEED, CHOOSING_SEED + settings.choosing))
            if both := set(choosing) & set(test.seeds):
                raise InputError(
                    "seeds of the test must not be those by which candidates are chosen, but "
                    f"{min(both)} is in both. Draw other test episodes."
                )
            none = np.zeros(0, np.int64)
            return cls(
                train=data.train.frames, test=test.frames, learn=every, held=none, choosing=choosing
            )
        order = np.random.default_rng(settings.seed).permutation(data.train.num_episodes)
        num_held = max(1, round(settings.held_out * len(order)))
        is_held = np.isin(data.train.episode_of, order[:num_held])
        assert isinstance(test, HeldEpisodes)
        return cls(
            train=data.train.frames,
            test=test.demonstrations.frames,
            learn=every[~is_held],
            held=every[is_held],
        )
