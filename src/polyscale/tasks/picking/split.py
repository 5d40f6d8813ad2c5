"""What policies learn from, what they are tested on, and what candidates are chosen by."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polyscale.data import DemonstrationData, Demonstrations, EvaluationScenes, Pictures
from polyscale.data.dataset import changed_fingerprint
from polyscale.robot.simulation.seeds import VALIDATION


@dataclass(frozen=True, eq=False)
class EvaluationEpisodes:
    """Demonstrations to test on, as a data set with one item for each episode: its first frame.

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
        train_frames: indices in `train` of the frames that policies are trained on.
        validation_frames: indices in `train` of held-out frames, which form whole episodes; may be
            empty.
        validation_seeds: of simulated scenes; may be empty.
    """

    train: Pictures
    test: Pictures
    train_frames: NDArray[np.int64]
    validation_frames: NDArray[np.int64]
    validation_seeds: tuple[int, ...] = ()

    @classmethod
    def of(cls, data: DemonstrationData, settings: Any) -> "PickingSplit":
        """Split the data; if the scene can be simulated, all demonstrations are for training."""
        every, test = np.arange(len(data.train)), data.test
        if isinstance(test, EvaluationScenes):
            return cls(
                train=data.train.frames,
                test=test.frames,
                train_frames=every,
                validation_frames=np.zeros(0, np.int64),
                validation_seeds=tuple(VALIDATION[: settings.validation_episodes]),
            )
        order = np.random.default_rng(settings.seed).permutation(data.train.num_episodes)
        num_held = max(1, round(settings.held_out * len(order)))
        is_held = np.isin(data.train.episode_of, order[:num_held])
        assert isinstance(test, EvaluationEpisodes)
        return cls(
            train=data.train.frames,
            test=test.demonstrations.frames,
            train_frames=every[~is_held],
            validation_frames=every[is_held],
        )
