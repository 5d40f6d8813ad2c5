import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from polyscale.records import COST_AXES, METRICS
from polyscale.stats import corrected_contrasts, find_contrast, holm, judge, paired_contrasts
from polyscale.stats.matched import sides_of

NUM_TEST = 200


@pytest.fixture
def rows(row):
    return [
        row("s@1", 10, 0.5),
        row("s@1,2", 10, 0.6, 5e9),
        row("s@1,2,3", 10, 0.55, 14e9),
        row("m@1", 20, 0.5, 2e9),
        row("l@1", 30, 0.58, 4e9),
        row("other@1,2", 5, 0.9, family="g"),
    ]


@pytest.fixture
def contrasts(rows):
    def contrasts(num=NUM_TEST, margin=0.01, **shares):
        """Candidates that agree on what is easy."""
        easy = (np.arange(num) + 0.5) / num
        right = {r.candidate: easy < shares.get(r.candidate, 0.5) for r in rows}
        return paired_contrasts(right, margin=margin)

    return contrasts


def cost_verdict(verdict, axis, larger):
    (found,) = [c for c in verdict.costs if (c.axis, c.larger) == (axis, larger)]
    return found


def test_the_same_weights_with_larger_tiles_are_no_larger_model(row, contrasts):
    rows = [
        row("s?tile=512@1", 11, 0.9, 3e9),
        row("s@1,2", 10, 0.6, 5e9),
        row("l@1", 30, 0.58, 4e9),
    ]
    own = sides_of(rows)
    assert [r.candidate for r in own.larger] == ["l@1"]
    assert [r.candidate for r in own.curve] == ["s?tile=512@1", "s@1,2"]
    assert sides_of(rows[:2]) is None


def test_who_meets_is_chosen_by_cross_validation_not_by_test(rows, contrasts):
    (verdict,) = judge(rows, contrasts(**{"s@1,2,3": 0.99, "m@1": 0.99}))
    assert (verdict.s2.candidate, verdict.larger.candidate) == ("s@1,2", "l@1")
    assert verdict.macs_ratio == pytest.approx(5 / 4)
    assert verdict.memory_ratio == pytest.approx(5 / 4)
    assert verdict.params_ratio == pytest.approx(10 / 30)


@pytest.mark.parametrize(
    ("s2", "larger", "outcome"),
    [
        (0.8, 0.5, "s2"),
        (0.5, 0.8, "larger"),
        (0.5, 0.505, "inconclusive"),
        (0.5, 0.5, "inconclusive"),
    ],
)
def test_outcome_needs_an_interval_beside_zero(rows, contrasts, s2, larger, outcome):
    (verdict,) = judge(rows, contrasts(**{"s@1,2": s2, "l@1": larger}))
    assert verdict.outcome == outcome
    assert verdict.contrast.first == "s@1,2"
    assert verdict.contrast.difference == pytest.approx(s2 - larger, abs=0.006)
    assert (verdict.num_test_needed is None) == (outcome != "inconclusive")


def test_many_equal_answers_are_equivalent(rows, contrasts):
    (verdict,) = judge(rows, contrasts(num=4000, **{"s@1,2": 0.502}))
    assert verdict.outcome == "equivalent"
    assert verdict.contrast.p_value < 0.05  # certain, but within the margin


def test_contrast_may_be_written_the_other_way_round(rows, contrasts):
    shares = {"s@1,2": 0.8, "l@1": 0.5}
    forward = judge(rows, contrasts(**shares))
    backward = judge(rows, list(reversed(contrasts(**shares))))
    assert forward == backward


@pytest.mark.parametrize(
    "kept", [["s@1", "l@1"], ["s@1", "s@1,2"], ["l@1"], ["s@1,2", "other@1,2"]]
)
def test_no_verdict_without_two_sizes_and_several_scales(rows, contrasts, kept):
    assert judge([r for r in rows if r.candidate in kept], contrasts()) == []


def test_a_handful_of_images_decides_nothing(rows):
    """Four against none: the bootstrap leaves out zero, the exact test (p = 0.125) does not."""
    answers = {r.candidate: np.zeros(NUM_TEST, bool) for r in rows}
    answers["s@1,2"][:4] = True
    (verdict,) = judge(rows, paired_contrasts(answers))
    assert verdict.contrast.ci_low > 0
    assert verdict.contrast.p_value == pytest.approx(0.125)
    assert verdict.outcome == "inconclusive"
    assert verdict.num_test_needed > NUM_TEST


def test_a_lone_p_below_5_percent_does_not_survive_the_correction(rows, contrasts):
    """Six images against none, p = 0.03, but not the only comparison."""
    (verdict,) = judge(rows, contrasts(**{"s@1,2": 0.53}))
    assert verdict.contrast.p_value < 0.05 < verdict.contrast.p_holm
    assert verdict.outcome == "inconclusive"


def test_every_larger_model_and_kind_of_cost_has_its_verdict(rows, contrasts):
    (verdict,) = judge(rows, contrasts())
    assert [(c.larger, c.axis) for c in verdict.costs] == [
        (larger, axis) for larger in ("m@1", "l@1") for axis in COST_AXES
    ]


def test_within_the_budget_the_best_that_fits_stands(rows, contrasts):
    """All scale sets have the parameters of the small model."""
    for share, outcome in ((0.8, "s2"), (0.2, "larger")):
        (verdict,) = judge(rows, contrasts(**{"s@1,2": share}))
        found = cost_verdict(verdict, "params", "l@1")
        assert (found.outcome, found.rule, found.s2) == (outcome, "within", ("s@1,2",))
        assert found.cost_ratio == pytest.approx(1 / 3)


def test_cheaper_and_no_worse_is_dominance_of_the_larger(rows, contrasts):
    """No scale set fits the budget of l."""
    rows = [r for r in rows if r.candidate != "s@1"]
    for shares in ({"l@1": 0.8}, {}):
        (verdict,) = judge(rows, contrasts(num=4000, **shares))
        found = cost_verdict(verdict, "macs", "l@1")
        assert (found.outcome, found.rule, found.s2) == ("larger", "beyond", ("s@1,2",))
        assert found.cost_ratio == pytest.approx(5 / 4)


def test_better_and_dearer_is_settled_by_the_curve_at_equal_cost(rows, contrasts):
    """From 0.5 at 1 to 0.9 at 5, the curve at 4 is 0.5 + 0.4 · log 4 / log 5 = 0.84."""
    for larger, outcome in ((0.7, "s2"), (0.89, "larger")):
        (verdict,) = judge(rows, contrasts(num=1000, **{"s@1,2": 0.9, "l@1": larger}))
        found = cost_verdict(verdict, "macs", "l@1")
        assert (found.outcome, found.rule, found.s2) == (outcome, "interpolated", ("s@1", "s@1,2"))
        assert found.difference == pytest.approx(0.5 + 0.4 * np.log(4) / np.log(5) - larger)
        assert found.weight == pytest.approx(np.log(4) / np.log(5))
        assert found.cost_ratio == 1


def test_better_and_dearer_without_a_curve_is_open(rows, contrasts):
    rows = [r for r in rows if r.candidate != "s@1"]
    (verdict,) = judge(rows, contrasts(**{"s@1,2": 0.9}))
    found = cost_verdict(verdict, "macs", "l@1")
    assert (found.outcome, found.rule) == ("inconclusive", "beyond")
    assert found.num_test_needed is None  # no number of images closes it


def test_kinds_of_cost_may_disagree(row, contrasts):
    """Few multiply-adds, but slow: S² wins on one axis and loses on the other."""
    rows = [
        row("s@1", 10, 0.5, 1e9),
        row("s@1,2", 10, 0.6, 3e9, latency_ms=50.0),
        row("l@1", 30, 0.6, 4e9, latency_ms=12.0),
    ]
    (verdict,) = judge(rows, contrasts(num=2000, **{"s@1": 0.2, "s@1,2": 0.8, "l@1": 0.7}))
    assert cost_verdict(verdict, "macs", "l@1").outcome == "s2"
    assert cost_verdict(verdict, "latency_ms", "l@1").outcome == "larger"


def test_less_is_better_of_an_error(row):
    from polyscale.stats import image_contrasts, mean_of_images

    errors = np.random.default_rng(0).random((300, 1))
    rows = [
        row("s@1,2", 10, 0.3, 1e9, metric="rmse", higher_is_better=False),
        row("s@1,2,3", 10, 0.5, 1e9, metric="rmse", higher_is_better=False),
        row("l@1", 30, 0.5, 4e9, metric="rmse", higher_is_better=False),
    ]
    statistics = {"s@1,2": errors, "s@1,2,3": errors + 1, "l@1": errors + 0.2}
    found = image_contrasts(statistics, mean_of_images, metric=METRICS["rmse"], margin=0.05)
    (verdict,) = judge(rows, found)
    assert verdict.s2.candidate == "s@1,2"
    assert verdict.outcome == "s2"
    assert all(c.difference == pytest.approx(0.2) for c in verdict.costs)


def test_correction_is_over_what_verdicts_are_drawn_from(rows, contrasts):
    rows = [r for r in rows if r.candidate not in ("s@1", "s@1,2,3")]
    before = contrasts(**{"s@1,2": 0.6, "m@1": 0.55, "l@1": 0.5})
    after = corrected_contrasts(rows, before)
    drawn = [c for c in after if c.p_holm is not None]
    assert [(c.first, c.second) for c in drawn] == [("s@1,2", "m@1"), ("s@1,2", "l@1")]
    assert [c.p_holm for c in drawn] == pytest.approx(holm([c.p_value for c in drawn]))
    assert [c.p_equivalence_holm for c in drawn] == pytest.approx(
        holm([c.p_equivalence for c in drawn])
    )
    assert corrected_contrasts(rows, after) == after
    (verdict,) = judge(rows, before)
    assert verdict.contrast == find_contrast(after, "s@1,2", "l@1")


def test_a_contrast_that_is_missing_is_named(rows):
    with pytest.raises(LookupError, match=r"no contrast of s@1,2 and l@1"):
        judge(rows, [])


def test_a_candidate_within_the_budget_goes_before_the_curve(row):
    """The curve goes on to a scale set that cross-validation likes and the test images do not."""
    rows = [
        row("s@1,2", 10, 0.6, 3e9),
        row("s@1,2,3", 10, 0.7, 6e9),
        row("l@1", 30, 0.6, 4e9),
    ]
    easy = (np.arange(4000) + 0.5) / 4000
    right = {"s@1,2": easy < 0.6, "s@1,2,3": easy < 0.1, "l@1": easy < 0.6}
    (verdict,) = judge(rows, paired_contrasts(right))
    found = cost_verdict(verdict, "macs", "l@1")
    assert (found.outcome, found.rule, found.cost_ratio) == ("equivalent", "within", 3 / 4)
    right["l@1"] = easy < 0.7
    (verdict,) = judge(rows, paired_contrasts(right))
    found = cost_verdict(verdict, "macs", "l@1")
    assert (found.outcome, found.rule) == ("larger", "interpolated")


def test_at_equal_cost_a_candidate_stands_for_itself(row):
    rows = [row("s@1", 10, 0.4, 1e9), row("s@1,2", 10, 0.6, 4e9), row("l@1", 30, 0.6, 4e9)]
    easy = (np.arange(200) + 0.5) / 200
    right = {"s@1": easy < 0.3, "s@1,2": easy < 0.5, "l@1": easy < 0.52}
    (verdict,) = judge(rows, paired_contrasts(right))
    found = cost_verdict(verdict, "macs", "l@1")
    assert (found.rule, found.s2, found.cost_ratio) == ("within", ("s@1,2",), 1)


def test_smallest_times_all_then_one_fewer_each_step():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.6]) == pytest.approx([1, 1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_the_correction_is_that_of_statsmodels(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_nothing_to_correct():
    assert holm([]) == []
    assert holm([0.2]) == pytest.approx([0.2])
