"""The loop over questions, and the folder that it ends in."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from math import isfinite
from pathlib import Path

from torch import Tensor

from polyscale.errors import RunError
from polyscale.language.scoring import Losses, Query, score_letters, score_options
from polyscale.language.views import seen_tiles
from polyscale.records import Answer, QuestionRow
from polyscale.studies.run_folder import check_out, is_finished
from polyscale.studies.vstar.files import FILES, write_answers
from polyscale.studies.vstar.journal import Journal, journal_path, open_journal
from polyscale.studies.vstar.pictures import question_row
from polyscale.studies.vstar.plan import VstarPlan
from polyscale.types import Progress, silent

Features = Callable[[int], Tensor]
"""Index of a picture → what the language model is given of it, (tokens, width)."""


def run_vstar(
    plan: VstarPlan,
    out: str | Path,
    *,
    features: Features | None = None,
    progress: Progress = silent,
) -> None:
    """Ask all questions, and write the folder of the run. A run that was killed goes on.

    Args:
        plan: what to ask.
        out: new folder for the results. Nothing happens if it holds this very run.
        features: of pictures, where they are known, as `language.scoring.image_features` gives
            them; None runs the vision tower.
        progress: told what is being done.

    Raises:
        InputError: if `out` holds anything else.
        RunError: if the model gives no numbers, or the disk refuses.
    """
    out = Path(out)
    check_out(out)
    if not is_finished(out, plan.facts, FILES):
        with open_journal(out, plan.facts, plan.data.test.ids) as journal:
            _ask_all(plan, journal, features, progress)
            write_answers(plan, journal.answers, _question_rows(plan, progress), out)
    with suppress(OSError):  # it may be there if the run was killed when it was complete
        journal_path(out).unlink()


def _ask_all(
    plan: VstarPlan, journal: Journal, features: Features | None, progress: Progress
) -> None:
    """Batches begin at fixed places, so that a run that was killed gives the same numbers."""
    num, step = len(plan.data.test), f"{plan.name}: questions"
    progress(step, len(journal.answers), num, "questions")
    for start in range(len(journal.answers), num, plan.settings.batch):
        batch = range(start, min(start + plan.settings.batch, num))
        journal.add(_ask(plan, batch, features))
        progress(step, batch.stop, num, "questions")


def _ask(plan: VstarPlan, batch: Sequence[int], features: Features | None) -> list[Answer]:
    """The answers to a batch of questions, by their indices."""
    test, settings = plan.data.test, plan.settings
    asked = [test.questions[index] for index in batch]
    pictures = [None if settings.blind else test.read(index) for index in batch]
    seen = [
        features(int(test.picture_of[index])) if picture and features else picture
        for index, picture in zip(batch, pictures, strict=True)
    ]
    queries = [
        Query(question=question.text, options=question.options, picture=picture)
        for question, picture in zip(asked, seen, strict=True)
    ]
    losses: list[tuple[Losses, ...]]
    if settings.protocol == "likelihood":
        losses = [(own,) for own in score_options(plan.model, plan.processor, queries)]
    else:
        losses = score_letters(plan.model, plan.processor, queries)
    for question, trials in zip(asked, losses, strict=True):
        if not all(isfinite(loss) for trial in trials for loss in trial):
            raise RunError(
                f"{plan.name} gives no numbers for question {question.id!r}: its losses are "
                f"{trials}. Try --dtype fp32."
            )
    return [
        Answer(
            id=question.id,
            losses=trials,
            tiles=seen_tiles(plan.model, plan.processor, picture.size[::-1]) if picture else (),
        )
        for question, trials, picture in zip(asked, losses, pictures, strict=True)
    ]


def _question_rows(plan: VstarPlan, progress: Progress) -> list[QuestionRow]:
    test, step = plan.data.test, "pictures of the report"
    rows = []
    for index, question in enumerate(test.questions):
        progress(step, index, len(test), "pictures")
        rows.append(question_row(question, test.read(index)))
    progress(step, len(test), len(test), "pictures")
    return rows
