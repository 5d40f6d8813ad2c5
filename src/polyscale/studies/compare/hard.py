"""Hard examples: test images on which the larger model gains and several scales do not (4.1)."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import RepeatedStratifiedKFold

from polyscale.errors import InputError, require
from polyscale.records import HardExamples, HardImage, HardKind
from polyscale.stats import UNUSUAL, CrossFit, ambiguity, cross_fit, rarity, share_of_gain
from polyscale.studies.compare.plan import ComparePlan
from polyscale.studies.compare.trio import Trio, check_trios
from polyscale.tasks import Case, PooledTask
from polyscale.tasks.files import answers_table, thumbnail
from polyscale.types import Candidate

NUM_HALVINGS = 5
"""As in 5 × 2 cross-validation (Dietterich 1998): ten heads for each candidate."""

MIN_OF_CLASS = 4
"""Training images, so that each half has two: what a head needs."""

NUM_EASY = 2
MAX_SHOWN = 12
"""Hard images of a family whose pictures the run keeps; the files name all of them."""


def check_hard(plan: ComparePlan) -> None:
    """Refuse, before any model runs, data or candidates without hard examples.

    Raises:
        InputError: if no family has the three candidates, or a class too few training images.
        MissingExtraError: if cleanlab is not installed.
    """
    require("cleanlab", extra="compare", feature="hard examples")
    check_trios(plan, asked="hard examples")
    data = plan.data
    counts = np.bincount(_task(plan).targets(data.train), minlength=len(data.class_names))
    if counts.min() < MIN_OF_CLASS:
        rarest = data.class_names[int(counts.argmin())]
        raise InputError(
            f"data {data.name} must have at least {MIN_OF_CLASS} training images of each class "
            f"for hard examples, which train heads on halves of them, but has {counts.min()} of "
            f"{rarest!r}. Add images of it, or leave hard examples out."
        )


def find_hard(
    plan: ComparePlan, trios: Sequence[Trio], case_of: Callable[[Candidate], Case]
) -> tuple[HardExamples, ...]:
    """Hard examples of each family.

    Args:
        plan: of the run, whose task predicts probabilities of classes.
        trios: as `make_trios` gives them.
        case_of: candidate → its features.
    """
    return tuple(_find(plan, trio, case_of) for trio in trios)


def _task(plan: ComparePlan) -> PooledTask:
    assert isinstance(plan.task, PooledTask), "no other task has the setting"
    return plan.task


@dataclass(frozen=True, kw_only=True, eq=False)
class _Heads:
    """What a candidate's heads say of the test images; each has learned from half of the others.

    Attributes:
        right: probability of the right class (num_halvings, 2, num_test).
        mean: probability of each class, the mean over all heads (num_test, num_classes).
    """

    right: NDArray[np.float64]
    mean: NDArray[np.float64]


def _find(plan: ComparePlan, trio: Trio, case_of: Callable[[Candidate], Case]) -> HardExamples:
    task, seed = _task(plan), plan.settings.seed
    targets, truth = task.targets(plan.data.train), task.targets(plan.data.test)
    splitter = RepeatedStratifiedKFold(n_splits=2, n_repeats=NUM_HALVINGS, random_state=seed)
    halves = [half for half, _ in splitter.split(targets, targets)]
    small = case_of(trio.base)
    rare = rarity(small.train, targets, small.test, truth)
    base = _train(small, task, halves)
    s2, larger = (_train(case_of(each), task, halves) for each in (trio.s2, trio.larger))
    found = cross_fit(larger.right - np.maximum(base.right, s2.right))
    examples = HardExamples(
        family=trio.family,
        base=str(trio.base),
        s2=str(trio.s2),
        larger=str(trio.larger),
        num_halvings=NUM_HALVINGS,
        num_test=len(truth),
        num_found=found.num_found,
        gain=found.gain,
        s2_gain=cross_fit(s2.right - np.maximum(base.right, larger.right)).gain,
    )
    if not examples.is_found:
        return examples
    return _describe(examples, found, (base, s2, larger), rare, plan)


def _train(case: Case, task: PooledTask, halves: Sequence[NDArray[np.int64]]) -> _Heads:
    """A head on each half; two halves that follow each other are those of one halving."""
    targets, truth = task.targets(case.data.train), task.targets(case.data.test)
    right, total, step = [], np.zeros(()), f"{case.candidate}: heads of halves"
    for done, half in enumerate(halves):
        case.progress(step, done, len(halves), "heads")
        predicted = task.fit_predict(case.train[half], targets[half], case.test, case.settings)
        right.append(predicted[np.arange(len(truth)), truth])
        total = total + predicted
    case.progress(step, len(halves), len(halves), "heads")
    shape = (len(halves) // 2, 2, len(truth))
    return _Heads(right=np.reshape(right, shape), mean=total / len(halves))


def _describe(
    examples: HardExamples,
    found: CrossFit,
    heads: tuple[_Heads, _Heads, _Heads],
    rare: NDArray[np.float64],
    plan: ComparePlan,
) -> HardExamples:
    """The same with each image that was found, and what kinds of images these are."""
    data, names = plan.data.test, np.array(plan.data.class_names)
    truth = _task(plan).targets(data)
    unsure = ambiguity(heads[-1].mean, truth)
    is_rare, is_ambiguous = rare >= UNUSUAL, unsure.rank >= UNUSUAL
    right = np.clip([own.right.mean(axis=(0, 1)) for own in heads], 0, 1)
    named = [names[own.mean.argmax(axis=1)] for own in heads]
    gains = found.measured / np.maximum(1, found.times_found)
    often = np.flatnonzero(found.times_found >= NUM_HALVINGS)
    order = sorted(often, key=lambda i: (-found.times_found[i], -gains[i]))

    def image(i: int) -> HardImage:
        roles = zip(("base", "s2", "larger"), named, right, strict=True)
        answers: dict[str, Any] = {}
        for role, predictions, probabilities in roles:
            answers[f"{role}_prediction"] = str(predictions[i])
            answers[f"{role}_probability"] = float(probabilities[i])
        easy = np.flatnonzero((truth == truth[i]) & (found.times_found == 0))
        surest = easy[np.argsort(-right[:, easy].min(axis=0), kind="stable")[:NUM_EASY]]
        return HardImage(
            id=data.ids[i],
            label=str(names[truth[i]]),
            times_found=int(found.times_found[i]),
            gain=float(gains[i]),
            **answers,
            rarity=float(rare[i]),
            entropy=float(unsure.entropy[i]),
            margin=float(unsure.margin[i]),
            label_quality=float(unsure.label_quality[i]),
            ambiguity=float(unsure.rank[i]),
            rare=bool(is_rare[i]),
            ambiguous=bool(is_ambiguous[i]),
            easy=tuple(data.ids[j] for j in surest),
        )

    return replace(
        examples,
        rare=_kind(found, is_rare),
        ambiguous=_kind(found, is_ambiguous),
        images=tuple(image(int(i)) for i in order),
    )


def _kind(found: CrossFit, is_kind: NDArray[np.bool_]) -> HardKind:
    shares = share_of_gain(found.measured, is_kind)
    assert shares is not None, "what was found is a gain"
    return HardKind(*shares, float(is_kind.mean()))


def hard_pictures(examples: Sequence[HardExamples], plan: ComparePlan) -> Any:
    """The first hard images of each family and their easy ones as a table: `hard.parquet`."""
    data, task = plan.data, _task(plan)
    shown = (image for each in examples for image in each.images[:MAX_SHOWN])
    ids = dict.fromkeys(id_ for image in shown for id_ in (image.id, *image.easy))
    number = {id_: i for i, id_ in enumerate(data.test.ids)}
    targets = task.targets(data.test)
    return answers_table(
        (id_, str(data.class_names[targets[i]]), thumbnail(data.test.read(i)))
        for id_, i in ((id_, number[id_]) for id_ in ids)
    )


def hard_csv(examples: Sequence[HardExamples]) -> str:
    """`hard.csv`: every hard image of each family, with the ids of easy ones as JSON."""
    text = io.StringIO()
    names = ["family", *(field.name for field in fields(HardImage))]
    writer = csv.DictWriter(text, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    for each in examples:
        for image in each.images:
            row = {"family": each.family, **image.to_dict(), "easy": json.dumps(image.easy)}
            writer.writerow(row)
    return text.getvalue()
