"""The recommendation of a run in sentences: what to take, what it costs, how sure that is, why."""

import shlex
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from polyscale.data.limit import limit_of
from polyscale.records import Recommendation
from polyscale.report.names import scales_phrase
from polyscale.report.numbers import LEVEL, MACS, NBSP, PARAMS, two_digits
from polyscale.report.run import Run
from polyscale.stats.equivalence import ALPHA
from polyscale.stats.trial import more_is_better
from polyscale.types import Candidate

CONFIG = "compare.toml"
"""The file of a run that holds its options."""


@dataclass(frozen=True, kw_only=True)
class AdviceText:
    """The top of the page.

    `head` says what to take, its cost, and how sure that is. `reasons` and `next_step` are further
    sentences, and `command` starts the next run. `next_step` and `command` may be empty.
    """

    head: str
    reasons: tuple[str, ...]
    next_step: str
    command: str


def advice_text(run: Run) -> AdviceText | None:
    """What a run recommends; None for a single candidate."""
    advice = run.recommendation
    if advice is None:
        return None
    return AdviceText(
        head=_head(run, advice),
        reasons=(_value(run, advice), *_reasons(run, advice)),
        next_step=_next_step(run, advice),
        command=next_command(run, advice),
    )


def next_command(run: Run, advice: Recommendation) -> str:
    """The command of the run that is worth making next; empty if there is none or it is not known.

    The same candidates on the same images would give the same answer. The next run therefore has
    new candidates, or a larger sample of the images if this run drew a sample.
    """
    config = Path(run.folder) / CONFIG
    limit = _larger_limit(run, advice)
    is_new = any(name not in run.rows for name in advice.try_next)
    if not (is_new or (limit and advice.try_next)) or not config.is_file():
        return ""
    places = ["--config", str(config), "--out", f"{run.folder}-next"]
    if limit:
        places += ["--limit", str(limit)]
    return shlex.join(["polyscale", "compare", *places, "--candidates", *advice.try_next])


def _larger_limit(run: Run, advice: Recommendation) -> int | None:
    """The limit that gives the test images that are needed, or all that a limit kept away."""
    row, needed = run.rows[advice.candidate], advice.num_test_needed or 0
    limit = limit_of(row.data)
    if limit not in (row.num_test, row.num_train + row.num_test) or needed <= row.num_test:
        return None
    wanted, there = ceil(limit * needed / row.num_test), _num_unlimited(run)
    if there is None:
        return wanted
    return min(wanted, there) if there > limit else None


def _num_unlimited(run: Run) -> int | None:
    """The images from which the limit of a run drew, where that is known."""
    return run.data.num_unlimited if run.data else None


def _head(run: Run, advice: Recommendation) -> str:
    name, cost = _name(run, advice.candidate), MACS.text(run.rows[advice.candidate].macs)
    taken = f"{name} ({cost} multiply-adds an image)"
    if advice.outcome == "no_better_than_floor":
        return _no_better(run, advice, taken)
    if advice.alternative is not None:
        return f"For now, take {taken}: {_doubt(run, advice)}."
    return f"Take {taken}: {_why(run, advice)}. {_how_sure(run, advice)}"


def _no_better(run: Run, advice: Recommendation, taken: str) -> str:
    # merged runs also have floors that only some of the candidates were compared with
    floors = [floor for floor in run.floors if floor.kind == "floor" and floor.covers(run.rows)]
    better = [_name(run, n) for n in run.rows if floors and all(f.beaten_by(n) for f in floors)]
    why = f"not shown to be better than “{advice.floors[0]}”, which needs no vision model"
    if not better:
        return f"Take none of these yet: {taken} is {why}."
    return (
        f"None can be recommended yet: the {run.task.chosen_on} choose {taken}, which is {why}. "
        f"Shown to be better than every such answer: {'; '.join(better)}."
    )


def _why(run: Run, advice: Recommendation) -> str:
    does_better = "does better" if advice.certainty == "sure" else "is shown to do better"
    return {
        "one_scale": f"nothing that costs more {does_better}",
        "several_scales": "several scales are worth what they cost",
        "larger_model": "the larger model is worth what it costs",
        "scales_hurt": "one scale does better than several",
        "saturated": f"the {run.task.samples} leave nothing to gain",
    }[advice.outcome]


def _how_sure(run: Run, advice: Recommendation) -> str:
    best = run.task.metric.best
    if advice.outcome == "saturated" and best is not None:
        room = run.words.size(best - run.rows[advice.candidate].value)
        return f"No other candidate could be better by more than {room}."
    if advice.certainty == "sure" or advice.over_dearer is None:
        return f"The {run.task.samples} confirm it."
    most = more_is_better(advice.over_dearer).ci_high
    return (
        f"The {run.task.samples} agree, but {_name(run, advice.over_dearer.first)} may still be "
        f"better by up to {run.words.size(most)}."
    )


def _doubt(run: Run, advice: Recommendation) -> str:
    other = _name(run, advice.alternative or "")
    if advice.rival is not None:
        return f"{run.task.chosen_on} and {run.task.samples} disagree on whether {other} is better"
    return f"the {run.task.samples} can’t tell whether {other} is better"


def _value(run: Run, advice: Recommendation) -> str:
    taken, words = run.rows[advice.candidate], run.words
    return (
        f"On {taken.data}, it {words.sentence(taken.value, taken.num_test)} ({LEVEL} interval "
        f"{words.bounds(taken.ci_low, taken.ci_high)}{words.lower}), with "
        f"{PARAMS.text(taken.params)} parameters."
    )


def _reasons(run: Run, advice: Recommendation) -> list[str]:
    """The open question, and the other comparisons of what is taken, which is named first."""
    reasons: dict[str, str] = {}
    if (question := advice.open_question) is not None:
        pair = f"{_name(run, question.first)} against {_name(run, question.second)}"
        is_clear = question.ci_low > 0 or question.ci_high < 0
        is_confirmed = question.p_holm is not None and question.p_holm < ALPHA
        but = f", which the corrected test {'confirms' if is_confirmed else 'does not confirm'}"
        reasons[question.first] = (
            f"{pair}: {run.words.contrast(question)}{but if is_clear else ''}."
        )
    for contrast, what in (
        (advice.over_cheaper, "the best that costs less"),
        (advice.over_dearer, "the best that costs more"),
        (advice.over_single, "the best of its several scales"),
    ):
        if contrast is None or advice.candidate not in (contrast.first, contrast.second):
            continue
        own = contrast if contrast.first == advice.candidate else contrast.turned()
        told = f"Against {_name(run, own.second)}, {what}: {run.words.contrast(own)}."
        reasons.setdefault(own.second, told)
    return [*reasons.values()]


def _next_step(run: Run, advice: Recommendation) -> str:
    sentences = []
    more = (advice.num_test_needed or 0) - run.rows[advice.candidate].num_test
    if advice.alternative is not None and more > 0:
        sentences.append(f"{more_images(more)}, if the true values are those measured here.")
        sentences += _too_few(run, more)
    new = [_name(run, name) for name in advice.try_next if name not in run.rows]
    if new:
        sentences.append(f"Not tried yet: {', '.join(new)}.")
    return " ".join(sentences)


def _too_few(run: Run, more: int) -> list[str]:
    """Advice for a data set that has too few images even if `limit` is left out."""
    row, there = run.results[0], _num_unlimited(run)
    if there is None:
        return []
    test_share = row.num_test / (limit_of(row.data) or row.num_test)
    further = max(0, round(there * test_share) - row.num_test)
    if further >= more:
        return []
    had = f"only {further:,} more. If these do not settle it," if further else "no more, so"
    return [f"The data have {had} take the candidate that costs less, or collect images."]


def more_images(more: int, samples: str = "test images") -> str:
    """How many more samples would settle a question: a sentence without its full stop."""
    return f"About {two_digits(more)} more {samples} would settle it"


def _name(run: Run, candidate: str) -> str:
    """The name of any candidate of a model that was run: `efficientnet_lite0 at scales 1, 2`."""
    parsed = Candidate.parse(candidate)
    scales = scales_phrase(parsed.scales).replace(", ", f",{NBSP}")
    return f"{run.models[parsed.backbone]} at {scales}"
