"""Questions about pictures: who is right on how many, and the pictures on which models differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from markupsafe import Markup

from polyscale.records import AnswerRow, QuestionRow
from polyscale.report.numbers import interval_limit
from polyscale.report.question_words import difference_text, headline, kind_rows
from polyscale.report.render import render
from polyscale.report.run import Run

MAX_SHOWN = 24
"""Questions of a group that are shown: a page with two groups of them is about 5 MB."""

MAX_OPEN = 6
"""Of them, those that are shown at once; the others are in a box that opens."""


@dataclass(frozen=True, kw_only=True)
class OptionLine:
    """An option: what it says, and for each candidate its loss and whether it has the smallest."""

    text: str
    is_right: bool
    losses: tuple[float, ...]
    is_chosen: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True)
class View:
    """A picture as a candidate sees it at one scale.

    `target_px` is the longer side of the smallest target in pixels of a tile; None without targets.
    """

    scale: float
    tiles: Sequence[Mapping[str, float]]
    target_px: float | None


@dataclass(frozen=True, kw_only=True)
class Card:
    """A question with everything beside it; mappings are from the candidate."""

    question: QuestionRow
    targets: Sequence[Mapping[str, float]]
    options: tuple[OptionLine, ...]
    is_right: Mapping[str, bool]
    shares: Mapping[str, float]
    views: Mapping[str, tuple[View, ...]]


@dataclass(frozen=True, kw_only=True)
class CardGroup:
    """Questions under one heading; `num` counts those that are not shown, too."""

    title: str
    num: int
    cards: tuple[Card, ...]


def questions_answer(run: Run) -> Markup | None:
    """The beginning of a page of questions: counts of each kind, and the paired test."""
    if not run.questions:
        return None
    rows = kind_rows(run)
    gains = [(row.gain.ci_low, row.gain.ci_high) for row in rows if row.gain]
    return render(
        "questions_answer.html",
        run=run,
        headline=headline(run),
        difference=difference_text(run, rows[0]) if len(run.rows) == 2 else "",
        rows=rows,
        limit=min(1.0, interval_limit(gains, 0.1)),
        protocol=run.task.task,
    )


def questions_section(run: Run) -> Markup | None:
    """Questions on which candidates differ; for a single candidate, those that it gets wrong."""
    groups = card_groups(run)
    if not groups:
        return None
    return render("questions.html", run=run, groups=groups, num_open=MAX_OPEN)


def card_groups(run: Run) -> list[CardGroup]:
    """Groups by which candidates are right, without questions on which all are right or wrong."""
    if not run.questions:
        return []
    names = list(run.rows)
    groups: dict[tuple[str, ...], list[QuestionRow]] = {}
    for question in run.questions:
        right = tuple(n for n in names if run.answers[n][question.id].correct)
        if len(right) < len(names) if len(names) == 1 else 0 < len(right) < len(names):
            groups.setdefault(right, []).append(question)
    return [
        CardGroup(
            title=f"Only {' and '.join(run.names[n] for n in right)} right" if right else "Wrong",
            num=len(questions),
            cards=tuple(_card(run, question, names) for question in questions[:MAX_SHOWN]),
        )
        for right, questions in sorted(groups.items(), key=lambda g: -len(g[1]))
    ]


def _card(run: Run, question: QuestionRow, names: Sequence[str]) -> Card:
    answers = {name: run.answers[name][question.id] for name in names}
    losses = [[fmean(trial) for trial in zip(*a.losses, strict=True)] for a in answers.values()]
    options = tuple(
        OptionLine(
            text=text,
            is_right=place == 0,
            losses=tuple(own[place] for own in losses),
            is_chosen=tuple(answer.prediction == text for answer in answers.values()),
        )
        for place, text in enumerate(question.options)
    )
    return Card(
        question=question,
        targets=[_rectangle(box) for box in question.boxes_yxyx],
        options=options,
        is_right={name: answer.correct for name, answer in answers.items()},
        shares={name: answer.share for name, answer in answers.items()},
        views={name: _views(question, answer) for name, answer in answers.items()},
    )


def _views(question: QuestionRow, answer: AnswerRow) -> tuple[View, ...]:
    views = []
    for level in answer.tiles:
        tiles = level["boxes_yxyx"]
        px = [level["tile_px"] / (tiles[0][axis + 2] - tiles[0][axis]) for axis in (0, 1)]
        sides = [
            max(px[axis] * (box[axis + 2] - box[axis]) for axis in (0, 1))
            for box in question.boxes_yxyx
        ]
        views.append(
            View(
                scale=level["scale"],
                tiles=[_rectangle(box) for box in tiles],
                target_px=min(sides, default=None),
            )
        )
    return tuple(views)


def _rectangle(box_yxyx: Sequence[float]) -> dict[str, Any]:
    """A box as SVG draws it."""
    top, left, bottom, right = box_yxyx
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}
