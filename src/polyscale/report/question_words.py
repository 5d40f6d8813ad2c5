"""What a run of questions found, in sentences: counts first, because questions are few."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from polyscale.records import Contrast, Gain
from polyscale.report.names import scales_phrase
from polyscale.report.numbers import LEVEL, NBSP, p_value
from polyscale.report.question_kinds import question_kinds
from polyscale.report.run import Run
from polyscale.stats import RightShare, paired_contrasts

ALL = "all questions"
"""Stands for every kind."""


@dataclass(frozen=True, kw_only=True)
class KindRow:
    """A kind of question: each candidate's right answers, and the difference of two candidates.

    `chance` is the share that guessing would get right. With two candidates, `gain` is the share of
    the first minus that of the second, `only_first` and `only_second` count the questions that only
    one of them gets right, and `p` is the exact p-value.
    """

    name: str
    chance: float
    shares: tuple[RightShare, ...]
    gain: Gain | None = None
    only_first: int = 0
    only_second: int = 0
    p: float = 1.0


def kind_rows(run: Run) -> list[KindRow]:
    """All questions, and then each kind."""
    questions = run.questions
    at = np.array([run.images.index[question.id] for question in questions])
    correct = {name: run.images.correct[name][at] for name in run.rows}
    chances = np.array([1 / len(question.options) for question in questions])
    kinds = question_kinds([q.category for q in questions], [q.question for q in questions])
    rows = []
    for kind, own in {ALL: np.arange(len(questions)), **kinds}.items():
        right = {name: every[own] for name, every in correct.items()}
        pair = paired_contrasts(right)[0] if len(right) == 2 else None
        rows.append(
            KindRow(
                name=kind,
                chance=chances[own].mean(),
                shares=tuple(map(RightShare.of, right.values())),
                **_difference(pair),
            )
        )
    return rows[:1] if len(rows) == 2 else rows


def _difference(pair: Contrast | None) -> dict[str, Any]:
    if pair is None:
        return {}
    return {
        "gain": Gain(pair.difference, pair.ci_low, pair.ci_high),
        "only_first": pair.only_first,
        "only_second": pair.only_second,
        "p": pair.p_value,
    }


def question_answers(run: Run) -> list[str]:
    """The top of the page as lines of text."""
    lines = []
    rows = kind_rows(run)
    for place, result in enumerate(run.rows.values()):
        name = f"{run.models[result.backbone]} at {scales_phrase(result.scales)}"
        parts = "; ".join(f"{row.name} {count_text(run, row.shares[place])}" for row in rows)
        lines.append(f"{name}: {parts}.")
    if len(run.rows) == 2:
        lines.append(difference_text(run, rows[0]))
    return lines


def headline(run: Run) -> str:
    """Who is ahead, and whether the questions show it."""
    if len(run.rows) != 2:
        return "; ".join(
            f"{run.models[result.backbone]} is right on {round(result.value * result.num_test)} of "
            f"{result.num_test} questions"
            for result in run.rows.values()
        )
    row = kind_rows(run)[0]
    assert row.gain is not None
    first, second = (run.names[name] for name in run.rows)
    if row.only_first == row.only_second:
        return f"{first} and {second} are right on equally many questions"
    ahead, behind = (first, second) if row.only_first > row.only_second else (second, first)
    is_shown = not row.gain.ci_low <= 0 <= row.gain.ci_high and row.p < 0.05
    if is_shown:
        return f"{ahead} answers more questions than {behind}"
    return f"{ahead} is ahead of {behind}, but {row.shares[0].num} questions can’t tell"


def count_text(run: Run, share: RightShare) -> str:
    """`84 of 191 (44.0 %, 95 % interval 37.1–51.1)`."""
    bounds = run.words.bounds(share.ci_low, share.ci_high)
    return (
        f"{share.right} of {share.num} ({run.words.value(share.value)}, {LEVEL} interval {bounds})"
    )


def difference_text(run: Run, row: KindRow) -> str:
    """The paired test of two candidates as a sentence."""
    assert row.gain is not None
    first, second = (run.names[name].replace(NBSP, " ") for name in run.rows)
    gain = run.words.finding(row.gain.difference, row.gain.ci_low, row.gain.ci_high)
    return (
        f"Only {first} is right on {row.only_first} of {row.shares[0].num} questions, only "
        f"{second} on {row.only_second}: {gain}, p = {p_value(row.p)} (exact McNemar test)."
    )
