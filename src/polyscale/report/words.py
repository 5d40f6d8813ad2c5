"""Verdicts and facts as sentences, with the costs said as plainly as the gains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from polyscale.records import Contrast, Outcome, Result, Verdict
from polyscale.report.names import example, model_names, scales_phrase
from polyscale.report.numbers import LEVEL, ratio
from polyscale.report.read import Run
from polyscale.report.vocabulary import Vocabulary, speak

Direction = Literal["dearer", "cheaper", "equal", "mixed"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the top of the page says of a family.

    Attributes:
        verdict: what is put into words.
        head: the answer in a sentence.
        evidence: the two values and their difference.
        cost: what the several scales cost against the larger model.
        alone: the small model at one scale against the larger; empty where it was not run.
    """

    verdict: Verdict
    head: str
    evidence: str
    cost: str
    alone: str


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What several scales did for a backbone, `contrast` with the several scales first."""

    name: str
    single: Result
    multi: Result
    contrast: Contrast


@dataclass(frozen=True, kw_only=True)
class Missing:
    """Why a family has no verdict, and what to add to the run."""

    family: str
    reason: str
    advice: str


def answer(verdict: Verdict, models: Mapping[str, str], run: Run | None = None) -> Answer:
    """A verdict in a few sentences.

    Args:
        verdict: what to say.
        models: short name of each backbone.
        run: of which it is one; None leaves out what else is in it.
    """
    direction = cost_direction(verdict)
    return Answer(
        verdict=verdict,
        head=_head(verdict.outcome, direction),
        evidence=_evidence(verdict, models),
        cost=_cost(verdict, direction),
        alone=_alone(verdict, run, models) if run else "",
    )


def side_by_side_note(apart: Sequence[str]) -> str:
    """Why runs are not compared with each other."""
    return (
        f"These runs differ in {', '.join(apart)}. They stand side by side and are not compared: "
        "a difference between them would not be one between models."
    )


def plain_answers(run: Run) -> list[str]:
    """The top of the page as lines of text."""
    models = model_names(run.results)
    lines = []
    for verdict in run.verdicts:
        found = answer(verdict, models, run)
        lines += [line for line in (found.head, found.evidence, found.cost, found.alone) if line]
    without = [f"No verdict on {m.family}: {m.reason}. {m.advice}" for m in missing(run)]
    return [*(lines or [best_fact(run)]), *without]


def cost_direction(verdict: Verdict) -> Direction:
    """What the several scales cost against the larger model, in multiply-adds and time.

    Ratios that are printed as `1.0 ×` count as equal.
    """
    rounded = [round(r, 1) for r in (verdict.macs_ratio, verdict.latency_ratio)]
    more, less = any(r > 1 for r in rounded), any(r < 1 for r in rounded)
    if more and less:
        return "mixed"
    if more:
        return "dearer"
    return "cheaper" if less else "equal"


_HEADS: dict[Outcome, str] = {
    "s2": "No, you don’t need the larger model",
    "larger": "Yes, the larger model is better",
    "equivalent": "No, you don’t need the larger model: the two do equally well",
    "inconclusive": "These images can’t tell",
}
_HEAD_COSTS: dict[tuple[Outcome, Direction], str] = {
    ("s2", "dearer"): ", but it is the cheaper one to run",
    ("s2", "cheaper"): ", and several scales are cheaper to run",
    ("larger", "dearer"): ", and it is cheaper to run",
    ("larger", "cheaper"): ", but it costs more to run",
    ("equivalent", "dearer"): ", but it is the cheaper one to run",
    ("equivalent", "cheaper"): ", and several scales are cheaper to run",
    ("inconclusive", "dearer"): ", and the larger model is cheaper to run",
    ("inconclusive", "cheaper"): ", and several scales are cheaper to run",
}


def _head(outcome: Outcome, direction: Direction) -> str:
    return f"{_HEADS[outcome]}{_HEAD_COSTS.get((outcome, direction), '')}."


def _evidence(verdict: Verdict, models: Mapping[str, str]) -> str:
    s2, larger, contrast = verdict.s2, verdict.larger, verdict.contrast
    say = speak(s2.metric)
    small = f"{models[s2.backbone]} at {scales_phrase(s2.scales)}"
    large = f"the larger {models[larger.backbone]}"
    if verdict.outcome == "larger":
        contrast = contrast.turned()
        first, second = (large, larger), (small, s2)
    else:
        first, second = (small, s2), (large, larger)
    lead = (
        f"On {s2.data}, {first[0]} {say.sentence(first[1].value, s2.num_test)} and "
        f"{second[0]} {say.second(second[1].value)}{say.aside}: "
    )
    if verdict.outcome == "inconclusive":
        return (
            f"{lead}{say.gap(contrast.difference)}, but {_doubt(contrast, say)}. "
            f"{_lean(contrast, say)} {_more(verdict)}"
        )
    found = say.finding(contrast.difference, contrast.ci_low, contrast.ci_high)
    if verdict.outcome == "equivalent":
        return (
            f"{lead}{found}, within the margin of {say.margin(contrast.margin)} that counts as "
            "no difference."
        )
    return f"{lead}{found}."


def _alone(verdict: Verdict, run: Run, models: Mapping[str, str]) -> str:
    """Whether the cheapest of all would do: a larger model may be no better than it either."""
    small = (r for r in run.results if r.backbone == verdict.s2.backbone)
    single = next((r for r in small if r.scales == (1,)), None)
    if single is None:
        return ""
    say = speak(single.metric)
    contrast = run.contrast(single.candidate, verdict.larger.candidate)
    return (
        f"At one scale alone, {models[single.backbone]} comes to {say.value(single.value)}, "
        "against the larger model "
        f"{say.finding(contrast.difference, contrast.ci_low, contrast.ci_high)}."
    )


def _doubt(contrast: Contrast, say: Vocabulary) -> str:
    interval = say.interval(contrast.ci_low, contrast.ci_high)
    if contrast.ci_low <= 0 <= contrast.ci_high:
        return f"the {LEVEL} interval ({interval}) holds zero"
    test = "exact test" if say.is_right_or_wrong else "test"
    return f"with a {LEVEL} interval of {interval} the {test}, corrected, is not sure of it"


def _more(verdict: Verdict) -> str:
    needed = verdict.num_test_needed
    if needed is None or needed <= verdict.contrast.num_test:
        return "More test images would narrow it."
    return (
        f"About {needed - verdict.contrast.num_test:,} more test images would settle it, if these "
        "figures are the true ones."
    )


def _lean(contrast: Contrast, say: Vocabulary) -> str:
    if contrast.difference == 0:
        return "It leans neither way."
    better = "several scales" if say.sign * contrast.difference > 0 else "the larger model"
    return f"It leans towards {better}."


_COST_LEADS: dict[tuple[Outcome, Direction], str] = {
    ("s2", "dearer"): "But several scales cost more to run",
    ("s2", "cheaper"): "They cost less to run as well",
    ("larger", "dearer"): "The several scales cost more to run, too",
    ("larger", "cheaper"): "But the several scales cost less to run",
    ("equivalent", "dearer"): "The several scales cost more to run",
    ("equivalent", "cheaper"): "The several scales cost less to run",
    ("inconclusive", "dearer"): "The several scales cost more to run",
    ("inconclusive", "cheaper"): "The several scales cost less to run",
}


def _cost(verdict: Verdict, direction: Direction) -> str:
    lead = _COST_LEADS.get(
        (verdict.outcome, direction),
        "The cost goes both ways" if direction == "mixed" else "Both cost about the same to run",
    )
    joint = "but" if direction == "mixed" else "and"
    return (
        f"{lead}: {ratio(verdict.macs_ratio)} the multiply-adds {joint} "
        f"{ratio(verdict.latency_ratio)} the time of the larger model, "
        f"with {ratio(verdict.params_ratio)} the parameters."
    )


def gains(run: Run) -> list[Gain]:
    """For each backbone: scale 1 against its several scales, chosen by cross-validation."""
    models = model_names(run.results)
    found = []
    for backbone in dict.fromkeys(result.backbone for result in run.results):
        own = [result for result in run.results if result.backbone == backbone]
        single = next((r for r in own if r.scales == (1,)), None)
        multi = max((r for r in own if len(r.scales) > 1), key=_selection, default=None)
        if single is not None and multi is not None:
            contrast = run.contrast(multi.candidate, single.candidate)
            found.append(Gain(name=models[backbone], single=single, multi=multi, contrast=contrast))
    return found


def gain_sentence(gain: Gain) -> str:
    """`efficientnet_lite0, scale 1 → scales 1, 2: +9.2 points (95 % interval +4.0 to +14.4)`."""
    contrast, say = gain.contrast, speak(gain.contrast.metric)
    return (
        f"{gain.name}, scale 1 → {scales_phrase(gain.multi.scales)}: "
        f"{say.finding(contrast.difference, contrast.ci_low, contrast.ci_high)}"
    )


def missing(run: Run) -> list[Missing]:
    """Families on which no verdict can be given."""
    judged = {verdict.family for verdict in run.verdicts}
    families = dict.fromkeys(r.family for r in run.results if r.family not in judged)
    return [_missing(family, [r for r in run.results if r.family == family]) for family in families]


def _missing(family: str, rows: Sequence[Result]) -> Missing:
    smallest = min(rows, key=lambda r: r.backbone_params)
    own = smallest.backbone_params
    larger = any(r.backbone_params > own for r in rows)
    if any(len(r.scales) > 1 for r in rows if r.backbone_params == own):
        return Missing(
            family=family,
            reason="no larger model of the family was run at one scale",
            advice="Add one to the run, as SOURCE@1.",
        )
    scales = example(smallest.backbone, (1, 2))
    if larger:
        return Missing(
            family=family,
            reason="its smallest model was not run at several scales",
            advice=f"Add {scales} to the run.",
        )
    return Missing(
        family=family,
        reason="it was run at one size and one scale only",
        advice=f"Add {scales} and a larger model of the family to the run.",
    )


def best_fact(run: Run) -> str:
    """The best supported thing to say where no family has a verdict."""
    best = max(run.results, key=_selection)
    say = speak(best.metric)
    name = f"{model_names(run.results)[best.backbone]} at {scales_phrase(best.scales)}"
    lead = (
        f"On {best.data}, {name} {say.sentence(best.value, best.num_test)} "
        f"({LEVEL} interval {say.bounds(best.ci_low, best.ci_high)}{say.lower})"
    )
    gain = next((g for g in gains(run) if g.multi == best), None)
    if gain is None:
        return f"{lead}."
    contrast = gain.contrast
    return (
        f"{lead}, and at scale 1 alone {say.second(gain.single.value)}: "
        f"{say.finding(contrast.difference, contrast.ci_low, contrast.ci_high)}."
    )


def _selection(result: Result) -> float:
    """What candidates are chosen by, turned so that more is better."""
    return speak(result.metric).sign * result.selection_value
