"""The questions of a run and the answers to them, read and checked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from polyscale.records import ANSWERS_FILE, QUESTIONS_FILE, AnswerRow, QuestionRow
from polyscale.records.codec import damaged
from polyscale.report.read_gallery import read_rows
from polyscale.report.run import Images


def read_questions(folder: Path, images: Images, names: Sequence[str]) -> dict[str, Any]:
    """`questions` and `answers`, or nothing where the run asks none.

    Raises:
        InputError: if a file is damaged, or they do not belong together.
    """
    path = folder / QUESTIONS_FILE
    if not path.exists():
        return {}
    questions = [QuestionRow(**row) for row in read_rows(path, QuestionRow)]
    if {question.id for question in questions} != {*images.ids}:
        raise damaged(path, f"its questions are not those of {ANSWERS_FILE}")
    num_options = {question.id: len(question.options) for question in questions}
    answers: dict[str, dict[str, AnswerRow]] = {name: {} for name in names}
    for row in read_rows(folder / ANSWERS_FILE, AnswerRow):
        answer = AnswerRow(**row)
        trials = [*map(len, answer.losses)]
        if not trials or {*trials} != {num_options[answer.id]}:
            raise damaged(folder / ANSWERS_FILE, f"{answer.id!r} has not one loss for each option")
        answers[answer.candidate][answer.id] = answer
    return {"questions": tuple(questions), "answers": answers}
