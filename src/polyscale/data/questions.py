"""Multiple-choice questions about pictures, as V* bench asks them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polyscale.data.dataset import DataSet, changed_fingerprint
from polyscale.data.pictures import Pictures


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question about a picture, with its answers.

    Attributes:
        id: `CATEGORY/NAME`, unique within a split.
        category: kind of question: `direct_attributes`, `relative_position`, or another name.
        text: what is asked.
        options: two or more answers, all different. The first is right.
        target_objects: what must be found to answer.
        boxes_xywh_px: where they are: left, top, width and height in pixels of the whole picture,
            in the order of the objects as far as both are given.
    """

    id: str
    category: str
    text: str
    options: tuple[str, ...]
    target_objects: tuple[str, ...] = ()
    boxes_xywh_px: tuple[tuple[float, float, float, float], ...] = ()


@dataclass(frozen=True, eq=False)
class Questions:
    """One split of questions. Several may be about one picture, whose features are shared.

    Attributes:
        questions: in a fixed order.
        pictures: each once.
        picture_of: index of each question's picture, int64 (num_questions,).
    """

    questions: tuple[Question, ...]
    pictures: Pictures
    picture_of: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.questions)

    @property
    def ids(self) -> tuple[str, ...]:
        """Name of each question."""
        return tuple(question.id for question in self.questions)

    @property
    def fingerprint(self) -> str:
        """Changes when any picture changes, or is asked about in another order."""
        return changed_fingerprint(self.pictures.fingerprint, self.picture_of.tolist())

    @property
    def target_fingerprint(self) -> str:
        """Changes when any question changes."""
        words = repr([asdict(question) for question in self.questions])
        return blake2b(words.encode(), digest_size=16).hexdigest()

    def read(self, index: int, min_side: int | None = None) -> Image.Image:
        """The picture of a question; see `ReadImage`."""
        return self.pictures.read(int(self.picture_of[index]), min_side=min_side)

    def take(self, indices: NDArray[np.integer]) -> "Questions":
        """The questions at the indices, in their order, and the pictures that they are about."""
        chosen = np.asarray(indices, dtype=np.int64)
        used, picture_of = np.unique(self.picture_of[chosen], return_inverse=True)
        return Questions(
            tuple(self.questions[i] for i in chosen),
            self.pictures.take(used),
            picture_of.astype(np.int64),
        )

    def in_category(self, category: str) -> NDArray[np.int64]:
        """Indices of the questions of a category, rising."""
        return np.flatnonzero([question.category == category for question in self.questions])


@dataclass(frozen=True, kw_only=True)
class QuestionData(DataSet[Questions]):
    """A data set of questions. There may be none to train on: a benchmark has only test questions.

    See `DataSet`.
    """

    needs_train: ClassVar[bool] = False

    @property
    def categories(self) -> tuple[str, ...]:
        """Kinds of question, in the order in which they first occur."""
        return categories_of((*self.train.questions, *self.test.questions))


def categories_of(questions: Sequence[Question]) -> tuple[str, ...]:
    """Kinds of question, in the order in which they first occur."""
    return tuple(dict.fromkeys(question.category for question in questions))
