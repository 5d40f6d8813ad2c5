"""The questions of a run and the answers to them: `questions.parquet` and `answers.parquet`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polyscale.records.codec import Positive, Record
from polyscale.records.tables import CategoryRow

QUESTIONS_FILE = "questions.parquet"
ANSWERS_FILE = "answers.parquet"

Box = tuple[float, float, float, float]
"""Top, left, bottom and right in pixels of the whole picture; padding is outside of it."""


@dataclass(frozen=True, kw_only=True)
class ScaleTiles(Record):
    """The tiles that a vision tower cuts out of a picture at one scale.

    Attributes:
        scale: relative to the backbone's own size.
        tile_px: side of a tile as the backbone takes it.
        boxes_yxyx: what part of the picture each shows.
    """

    scale: Positive
    tile_px: Positive
    boxes_yxyx: tuple[Box, ...]


@dataclass(frozen=True, kw_only=True)
class Answer(Record):
    """What a model answers to a question.

    Attributes:
        id: of the question.
        losses: for each trial those of the options, of which the first is right; one trial of the
            protocol likelihood, one for each rotation of letters.
        tiles: how the model saw the picture; empty for a model that did not see it.
    """

    id: str
    losses: tuple[tuple[float, ...], ...]
    tiles: tuple[ScaleTiles, ...] = ()


@dataclass(frozen=True, kw_only=True)
class QuestionRow:
    """A row of `questions.parquet`.

    Attributes:
        category: kind of question.
        options: of which the first is right.
        boxes_yxyx: where the objects are that must be found.
        image_hw: height and width of the whole picture.
        picture: a JPEG of it, made smaller.
        target: a JPEG of the part with these objects; None where there are no boxes.
    """

    id: str
    category: str
    question: str
    options: Sequence[str]
    boxes_yxyx: Sequence[Sequence[float]]
    image_hw: Sequence[int]
    picture: bytes
    target: bytes | None


@dataclass(frozen=True, kw_only=True)
class AnswerRow(CategoryRow):
    """A row of `answers.parquet`: a candidate's answer to a question.

    Attributes:
        share: of the trials that are right. The answer is `correct` if more than half are.
        losses: as of `Answer`.
        tiles: as of `Answer`.
    """

    share: float
    losses: Sequence[Sequence[float]]
    tiles: Sequence[Mapping[str, Any]]
