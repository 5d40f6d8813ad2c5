"""The same comparison on other draws of the images, from the features that are there already."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from polyscale.data import Draw, draw_again, draw_kind
from polyscale.errors import InputError
from polyscale.records import Contrast, DrawnContrast, Repeat, Repeats, Result
from polyscale.stats import split_interval, training_interval
from polyscale.studies.compare.answers import answer
from polyscale.studies.compare.plan import ComparePlan
from polyscale.tasks import Case, Evaluation, Task
from polyscale.types import Progress


def make_draws(plan: ComparePlan) -> list[Draw]:
    """A draw for each repeat that the settings ask for, with the seeds that follow the run's.

    Raises:
        InputError: if the task can't use the images of one of them.
    """
    draws = []
    for number in range(1, getattr(plan.settings, "repeats", 0) + 1):
        seed = (plan.settings.seed + number) % 2**32
        try:
            draw = draw_again(plan.data, seed=seed)
            plan.task.check_data(draw.data)
        except InputError as error:
            raise InputError(
                f"repeats must be draws that can be used, but the one with seed {seed} is not: "
                f"{error} Leave repeats out, or choose another seed."
            ) from error
        draws.append(draw)
    return draws


def repeat(case: Case, task: Task, draws: Sequence[Draw]) -> list[Evaluation]:
    """Train and judge a head on each draw; features are those of the case, put in another order."""
    step, evaluations = f"{case.candidate}: repeats", []
    for done, draw in enumerate(draws):
        case.progress(step, done, len(draws), "draws")
        own = replace(case, progress=_as_notes(case, step, done, len(draws)))
        evaluations.append(_without_head(task.evaluate(_drawn(own, task, draw)), case))
    case.progress(step, len(draws), len(draws), "draws")
    return evaluations


def _drawn(case: Case, task: Task, draw: Draw) -> Case:
    """The same candidate on a draw, with the features and variants that are there."""
    settings = case.settings.for_draw(draw.seed)
    prepared = task.prepare(draw.data, settings)
    train, test = task.drawn_features(case, draw, prepared)

    def variant(**options: Any) -> Case:
        assert case.variant is not None
        own = replace(case.variant(**options), progress=case.progress)
        return _drawn(own, task, draw)

    return replace(
        case,
        train=train,
        test=test,
        data=draw.data,
        settings=settings,
        prepared=prepared,
        feature_keys=(*case.feature_keys, draw.data.train.fingerprint),
        variant=variant,
    )


def _as_notes(case: Case, draws: str, drawn: int, num_draws: int) -> Progress:
    """What a draw reports, as notes of one step: many draws would be many steps."""

    def told(step: str, done: int, total: int, unit: str, *, note: str = "") -> None:
        about = f"{step.removeprefix(f'{case.candidate}: ')} {done}/{total} {unit}"
        case.progress(draws, drawn, num_draws, "draws", note=about)

    return told


def _without_head(evaluation: Evaluation, case: Case) -> Evaluation:
    """What answers need; heads, features and details of all draws would fill the memory."""
    scores = replace(evaluation.scores, columns={}, details=None)
    selection = replace(evaluation.selection, columns={}, details=None)
    return replace(
        evaluation,
        scores=scores,
        selection=selection,
        module=case.module,
        head=None,
        saved=None,
        test=None,
    )


def make_repeats(
    plan: ComparePlan,
    draws: Sequence[Draw],
    evaluations: Mapping[str, Sequence[Evaluation]],
    rows: Sequence[Result],
    contrasts: Sequence[Contrast],
) -> Repeats:
    """What each draw gives, and the difference of each pair over all draws.

    Args:
        plan: of the run.
        draws: as `make_draws` gave them.
        evaluations: candidate → its evaluation on each draw.
        rows: of the run itself.
        contrasts: of the run itself.
    """
    drawn = draw_kind(plan.data)
    repeats = tuple(
        _judge(plan, draw, {name: own[number] for name, own in evaluations.items()}, rows)
        for number, draw in enumerate(draws)
    )
    own = {row.candidate: row.value for row in rows}
    by_draw = [own, *(repeat.values for repeat in repeats)]

    def combine(contrast: Contrast) -> DrawnContrast:
        differences = [values[contrast.first] - values[contrast.second] for values in by_draw]
        if drawn == "split":
            sizes = {"num_train": repeats[0].num_train, "num_test": repeats[0].num_test}
            estimate = split_interval(differences, **sizes)
        else:
            interval = contrast.ci_low, contrast.ci_high
            estimate = training_interval(contrast.difference, *interval, differences[1:])
        difference, low, high = estimate
        return DrawnContrast(
            first=contrast.first,
            second=contrast.second,
            difference=difference,
            ci_low=low,
            ci_high=high,
        )

    return Repeats(drawn=drawn, draws=repeats, contrasts=tuple(map(combine, contrasts)))


def _judge(
    plan: ComparePlan, draw: Draw, evaluations: Mapping[str, Evaluation], rows: Sequence[Result]
) -> Repeat:
    """The answers on one draw; costs are those of the run."""
    drawn_rows = [
        replace(
            row,
            value=evaluations[row.candidate].scores.value,
            selection_value=evaluations[row.candidate].selection.value,
        )
        for row in rows
    ]
    answers = answer(plan, evaluations, drawn_rows, seed=draw.seed)
    advice = answers.recommendation
    return Repeat(
        seed=draw.seed,
        num_train=len(draw.train),
        num_test=len(draw.test),
        values={row.candidate: row.value for row in drawn_rows},
        outcomes={verdict.family: verdict.outcome for verdict in answers.verdicts},
        recommended=advice.candidate if advice else None,
    )
