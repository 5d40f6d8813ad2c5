"""Options of questions about pictures, and which of them are learned from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from polyscale.checks import check_integers
from polyscale.data import Pictures, QuestionData, Questions
from polyscale.errors import InputError, require
from polyscale.features import JoinedMaps, MapSource
from polyscale.operator.multiscale import MultiScale
from polyscale.tasks.options import option
from polyscale.tasks.settings import RunSettings, seeds_option
from polyscale.types import Backbone

GIGABYTE = 10**9


@dataclass(frozen=True, kw_only=True)
class QuestionSettings(RunSettings):
    """What such a comparison depends on besides the data and the candidates.

    The help of each option says what it means. Besides them:

    Attributes:
        held_out: share of the training pictures whose questions are not learned from: they choose
            among candidates.
        memory_bytes: more features are read from the disk batch by batch, with the same result.
    """

    features: ClassVar[Literal["pooled", "maps"]] = "maps"

    language: str = option(
        "pip:smollm2_135m",
        help="The language model that learns to answer: pip:smollm2_135m, a folder, or a name on "
        "the Hugging Face hub.",
    )
    epochs: int = option(2, help="Number of times that each training question is seen.")
    batch: int = option(4, help="Pictures in a training step, each with all of its questions.")
    rate: float = option(
        1e-3, help="Learning rate of LoRA in the language model; the projector takes half of it."
    )
    rank: int = option(16, help="Rank of LoRA in the language model.")
    align: bool = option(
        True,
        help="Do not fit the projector to the names of objects first, which the boxes of training "
        "questions show.",
    )
    seeds: int = seeds_option()
    held_out: float = 0.125
    memory_bytes: int = 4 * GIGABYTE

    def __post_init__(self) -> None:
        check_integers(self, "epochs", "batch", "rank", "seeds", "memory_bytes")
        if not (isinstance(self.rate, float) and 0 < self.rate < 1):
            raise InputError(
                f"rate must be above 0 and below 1, but got {self.rate!r}. Example: 0.001"
            )
        if not (isinstance(self.held_out, float) and 0 < self.held_out <= 0.5):
            raise InputError(
                f"held_out must be above 0 and at most 0.5, but got {self.held_out!r}."
            )
        require("transformers", extra="language", feature="task questions", at_least="5.20")
        require("peft", extra="language", feature="task questions")
        super().__post_init__()

    def module(self, backbone: Backbone, scales: Sequence[float], **options: Any) -> MultiScale:
        """The operator on the grid of one tile, so that all candidates give as many tokens."""
        return super().module(
            backbone, scales, **{"output_grid": "base", "prefix": "none", **options}
        )

    def join(
        self, features: Mapping[float, MapSource], module: MultiScale, *, for_training: bool = False
    ) -> JoinedMaps:
        """The maps of all scales side by side, along channels."""
        return JoinedMaps([features[s] for s in module.scales], memory_bytes=self.memory_bytes)


@dataclass(frozen=True, kw_only=True, eq=False)
class QuestionSplit:
    """What is shared by all candidates.

    Attributes:
        train: pictures whose features are wanted for training.
        test: those of the test questions.
        learn: questions about `train` that are learned from, without those that ask the same of a
            picture and have the same answer.
        held: questions about other pictures of `train`, which choose among candidates.
    """

    train: Pictures
    test: Pictures
    learn: Questions
    held: Questions

    @classmethod
    def of(cls, data: QuestionData, settings: QuestionSettings) -> "QuestionSplit":
        """Draw the held-out pictures by the seed of the run; their questions stay together."""
        train = data.train
        order = np.random.default_rng(settings.seed).permutation(len(train.pictures))
        num_held = max(1, round(settings.held_out * len(order)))
        is_held = np.isin(train.picture_of, order[:num_held])
        learn, held = np.flatnonzero(~is_held), np.flatnonzero(is_held)
        return cls(
            train=train.pictures,
            test=data.test.pictures,
            learn=chosen(train, _without_repeats(train, learn)),
            held=chosen(train, held),
        )


def chosen(questions: Questions, indices: NDArray[np.int64]) -> Questions:
    """Some of the questions, beside all of the pictures, whose features may be those of others."""
    some = tuple(questions.questions[i] for i in indices)
    return Questions(some, questions.pictures, questions.picture_of[indices])


def some_of(questions: Questions, num: int) -> Questions:
    """At most so many, spread evenly."""
    return chosen(questions, np.unique(np.linspace(0, len(questions) - 1, num).astype(np.int64)))


def _without_repeats(questions: Questions, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those that differ in picture, text or answer: other wrong options teach nothing else."""
    asked = {
        (int(questions.picture_of[i]), question.text, question.options[0]): i
        for i in indices[::-1]
        for question in [questions.questions[i]]
    }
    return np.sort(np.fromiter(asked.values(), np.int64))
