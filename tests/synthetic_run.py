"""Runs made up in code, in which it is known what should be recommended."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tests.stats.conftest import make_row

from polyscale.records import METRICS, Floor, Result, TaskRecord
from polyscale.report.run import Images, Run
from polyscale.stats import (
    accuracy_intervals,
    corrected_contrasts,
    judge,
    paired_contrasts,
    paired_errors,
    recommend,
    selection_gaps,
)
from polyscale.types import Candidate

ACCURACY = METRICS["accuracy"]
SMALL, S2, LARGE = "pip:lite0@1", "pip:lite0@1,2", "pip:lite1@1"
COSTS = {SMALL: (4, 0.4e9), S2: (4, 2e9), "pip:lite0@1,2,3": (4, 6e9), LARGE: (9, 0.9e9)}
"""Parameters in millions, and multiply-adds."""


class Shares(NamedTuple):
    """Of right answers: to the training images, in cross-validation, and to the test images."""

    train: float
    test: float


class Case(NamedTuple):
    """What candidates get right, and on how many images they are compared.

    `noise` is the share of images on which a candidate's answer is a toss of its own.
    """

    shares: Mapping[str, Shares]
    num_test: int = 1000
    num_train: int = 2000
    noise: float = 0.1
    floor: float | None = None


def same(share: float) -> Shares:
    return Shares(share, share)


OUTCOMES: dict[str, Case] = {
    "one_scale": Case({SMALL: same(0.80), S2: same(0.80), LARGE: same(0.80)}, 8000, noise=0.01),
    "several_scales": Case({SMALL: same(0.70), S2: same(0.85), LARGE: same(0.75)}),
    "larger_model": Case({SMALL: same(0.70), S2: same(0.75), LARGE: same(0.85)}),
    # the cheapest is the best: seven points above several scales, five above the larger model
    "scales_hurt": Case({SMALL: same(0.88), S2: same(0.81), LARGE: same(0.83)}, 400),
    "saturated": Case({SMALL: same(0.995), S2: same(0.998), LARGE: same(0.997)}, noise=0.0),
    "no_better_than_floor": Case({SMALL: same(0.5), S2: same(0.5), LARGE: same(0.5)}, floor=0.5),
    "undecided": Case({SMALL: same(0.80), S2: same(0.84), LARGE: same(0.78)}, 120),
}
"""A run for each outcome, which is its name."""

MORE: dict[str, Case] = {
    "likely": Case({SMALL: same(0.80), S2: same(0.79), LARGE: same(0.79)}, 150),
    "contradiction": Case({SMALL: same(0.7), S2: Shares(0.8, 0.8), LARGE: Shares(0.7, 0.95)}),
    "useful_but_not_chosen": Case(
        {SMALL: Shares(0.9, 0.5), S2: Shares(0.7, 0.8), LARGE: Shares(0.7, 0.5)}, floor=0.5
    ),
    "single": Case({SMALL: same(0.7)}),
    "one_family_alone": Case({SMALL: same(0.7), S2: same(0.8)}),
}
"""Runs whose outcome differs in how sure it is, or that miss a side."""


def make_answers(shares: Mapping[str, float], num: int, noise: float, seed: int) -> dict:
    """Candidate → whether it is right on each image (num,). They agree on what is easy."""
    rng = np.random.default_rng(seed)
    easy = (np.arange(num) + 0.5) / num
    answers = {}
    for name, share in shares.items():
        own = rng.permutation(easy)
        answers[name] = np.where(rng.random(num) < noise, own, easy) < share
    return answers


def make_results(
    train: Mapping[str, NDArray[np.bool_]],
    test: Mapping[str, NDArray[np.bool_]],
    costs: Mapping[str, tuple[float, float]] = COSTS,
) -> list[Result]:
    """A row for each candidate."""
    rows = []
    for name, (low, high) in accuracy_intervals(test).items():
        params, macs = costs[name]
        family = Candidate.parse(name).backbone.rstrip("0123456789")
        rows.append(
            make_row(
                name,
                params * 1e6,
                float(train[name].mean()),
                macs,
                family=family,
                value=float(test[name].mean()),
                ci_low=low,
                ci_high=high,
                num_test=len(test[name]),
            )
        )
    return rows


def make_run(case: Case, *, seed: int = 0) -> Run:
    """A run with these answers, as a report reads it."""
    train, test = (
        make_answers({n: getattr(s, split) for n, s in case.shares.items()}, num, case.noise, seed)
        for split, num in (("train", case.num_train), ("test", case.num_test))
    )
    results = make_results(train, test)
    contrasts = corrected_contrasts(results, paired_contrasts(test))
    selection = tuple(selection_gaps(paired_contrasts(train)))
    errors = paired_errors(selection)
    floors = make_floors(case.floor, test) if case.floor else ()
    return Run(
        task=TaskRecord(task="classification", metric=ACCURACY, right_or_wrong=True),
        results=tuple(results),
        contrasts=tuple(contrasts),
        verdicts=tuple(judge(results, contrasts)),
        selection=selection,
        recommendation=recommend(results, contrasts, errors, metric=ACCURACY, floors=floors),
        images=Images(
            ids=np.array([f"{i}.jpg" for i in range(case.num_test)], dtype=object),
            statistics={name: right[:, None].astype(float) for name, right in test.items()},
        ),
        floors=floors,
        date="2026-01-01",
    )


def make_floors(share: float, test: Mapping[str, NDArray[np.bool_]]) -> tuple[Floor, ...]:
    """An answer that is right on this share of the test images."""
    floor = make_answers({"floor": share}, len(next(iter(test.values()))), 1.0, 1)
    found = [c for c in paired_contrasts({**test, **floor}) if c.second == "floor"]
    return (
        Floor(
            name="most frequent class",
            about="It is always the answer.",
            value=share,
            ci_low=share - 0.05,
            ci_high=share + 0.05,
            contrasts=tuple(found),
        ),
    )
