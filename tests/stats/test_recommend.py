from dataclasses import replace

import pytest
from tests.synthetic_run import (
    ACCURACY,
    LARGE,
    OUTCOMES,
    S2,
    SMALL,
    Case,
    Shares,
    make_answers,
    make_floors,
    make_results,
    make_run,
    same,
)

from polyscale.data.published import load_paper
from polyscale.records import METRICS
from polyscale.report.published import COSTED
from polyscale.stats import paired_contrasts, paired_errors, recommend, selection_gaps

TAKEN = {
    "one_scale": (SMALL, "sure"),
    "several_scales": (S2, "sure"),
    "larger_model": (LARGE, "sure"),
    "scales_hurt": (SMALL, "sure"),
    "saturated": (SMALL, "sure"),
    "no_better_than_floor": (SMALL, "open"),
    "undecided": (SMALL, "open"),
}


def advice(case: Case, seed: int = 0):
    return make_run(case, seed=seed).recommendation


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_has_a_run(outcome):
    found = advice(OUTCOMES[outcome])
    assert (found.outcome, (found.candidate, found.certainty)) == (outcome, TAKEN[outcome])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shares", [(0.88, 0.78, 0.83), (0.8, 0.8, 0.8), (0.7, 0.72, 0.71)])
def test_noise_never_pays_more_for_less(shares, seed):
    """On few images: what is taken costs least, or the test images confirm that it is better."""
    case = Case(dict(zip((SMALL, S2, LARGE), map(same, shares), strict=True)), 128, 128, noise=0.3)
    found = advice(case, seed)
    assert found.candidate == SMALL or found.over_cheaper.ci_low > 0


def test_no_candidate_need_beat_a_ceiling():
    case = OUTCOMES["no_better_than_floor"]
    run = make_run(case)
    test = {name: rows[:, 0] > 0 for name, rows in run.images.statistics.items()}
    ceilings = [replace(floor, kind="ceiling") for floor in make_floors(case.floor, test)]
    given = (run.results, run.contrasts, run.errors)
    found = recommend(*given, metric=ACCURACY, floors=ceilings)
    assert run.recommendation.outcome == "no_better_than_floor"
    assert found.outcome != "no_better_than_floor"
    assert found.floors == ()


def test_what_only_the_test_images_favour_leaves_it_open():
    found = advice(Case({SMALL: same(0.7), S2: Shares(0.8, 0.8), LARGE: Shares(0.7, 0.95)}))
    assert found.outcome == "undecided"
    assert (found.candidate, found.alternative) == (LARGE, S2)
    assert found.open_question == found.rival
    assert found.rival.ci_high < 0
    assert found.num_test_needed is None


def test_a_choice_that_the_test_images_refute_gives_way_to_the_cheaper_one():
    found = advice(Case({SMALL: Shares(0.8, 0.88), S2: Shares(0.9, 0.81)}))
    assert (found.outcome, found.candidate, found.certainty) == ("scales_hurt", SMALL, "sure")


def test_two_that_are_open_are_run_again_on_more_images():
    found = advice(OUTCOMES["undecided"])
    assert found.alternative == S2
    assert found.try_next == (SMALL, S2)
    assert found.num_test_needed > 120


def test_questions_are_corrected_together():
    found = advice(OUTCOMES["several_scales"])
    assert (found.over_cheaper.first, found.over_cheaper.second) == (S2, LARGE)
    assert found.over_dearer is None
    found = advice(OUTCOMES["larger_model"])
    pairs = [(c.first, c.second) for c in (found.over_cheaper, found.over_dearer)]
    assert pairs == [(LARGE, SMALL), (S2, LARGE)]
    assert found.over_cheaper.p_holm >= found.over_cheaper.p_value


def test_more_scales_are_tried_next_where_none_were_run():
    found = advice(Case({SMALL: same(0.7), LARGE: same(0.9)}))
    assert found.try_next == (LARGE, "pip:lite1@1,2")
    assert advice(OUTCOMES["several_scales"]).try_next == (S2, "pip:lite0@1,2,3")
    assert advice(OUTCOMES["scales_hurt"]).try_next == ()


def test_a_single_candidate_is_no_choice():
    assert advice(Case({SMALL: same(0.7)})) is None


def test_a_smaller_error_is_better():
    run = make_run(OUTCOMES["several_scales"])
    turned = {"metric": "rmse", "higher_is_better": False}
    rows = [
        replace(r, value=1 - r.value, selection_value=1 - r.selection_value, **turned)
        for r in run.results
    ]
    contrasts = [
        replace(c.turned(), first=c.first, second=c.second, only_first=None, only_second=None,
                **turned)
        for c in run.contrasts
    ]  # fmt: skip
    found = recommend(rows, contrasts, run.errors, metric=METRICS["rmse"])
    assert (found.outcome, found.candidate) == ("several_scales", S2)


@pytest.mark.parametrize("table", COSTED)
def test_of_the_papers_rows_no_dominated_one_is_recommended(table):
    """Made-up answers with the paper's values, on as many images as it would take."""
    rows = [r for r in load_paper(table) if r.gmacs and r.value and r.params_m]
    for family in {r.family for r in rows}:
        own = {}
        for r in (r for r in rows if r.family == family):
            name = f"{r.model}@{','.join(f'{s:g}' for s in r.scales)}"
            value = 1 - r.value / 10 if r.metric == "rmse" else r.value / 100
            own.setdefault(name, (value, (r.params_m, r.gmacs * 1e9)))
        shares = {name: value for name, (value, _) in own.items()}
        right = make_answers(shares, 20_000, 0.0, 0)
        costs = {name: cost for name, (_, cost) in own.items()}
        results = make_results(right, right, costs)
        results = [replace(r, family=family) for r in results]
        contrasts = paired_contrasts(right)
        errors = paired_errors(selection_gaps(contrasts))
        found = recommend(results, contrasts, errors, metric=ACCURACY)
        taken = found.candidate
        assert all(
            shares[other] <= shares[taken] + 0.01 or costs[other][1] > costs[taken][1]
            for other in own
        )
