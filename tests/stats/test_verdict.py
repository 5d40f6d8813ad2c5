import numpy as np
import pytest

from polyscale.stats import judge, paired_contrasts
from polyscale.types import Result


def row(candidate, family, params, selection_value, macs=1e9):
    source, _, scales = candidate.partition("@")
    return Result(
        candidate=candidate,
        backbone=source,
        family=family,
        scales=tuple(map(int, scales.split(","))),
        tile_hw=(224, 224),
        source="native",
        task="classification",
        data="d",
        metric="accuracy",
        value=0.5,
        ci_low=0.4,
        ci_high=0.6,
        selection_value=selection_value,
        num_train=1,
        num_test=200,
        num_tiles=1,
        feature_dim=1,
        params=params,
        macs=int(macs),
        flops=1,
        latency_ms=macs / 1e8,
        latency_low_ms=1.0,
        latency_high_ms=1.0,
        peak_bytes=1,
        probe={},
        settings={},
        versions={},
    )


def rows():
    return [
        row("s@1", "f", 10, 0.5),
        row("s@1,2", "f", 10, 0.6, 5e9),
        row("s@1,2,3", "f", 10, 0.55, 14e9),
        row("m@1", "f", 20, 0.5, 2e9),
        row("l@1", "f", 30, 0.58, 4e9),
        row("other@1,2", "g", 5, 0.9),
    ]


def contrasts(**shares):
    easy = np.random.default_rng(0).random(200)
    return paired_contrasts({r.candidate: easy < shares.get(r.candidate, 0.5) for r in rows()})


def test_who_meets_is_chosen_by_cross_validation_not_by_test():
    (verdict,) = judge(rows(), contrasts(**{"s@1,2,3": 0.99, "m@1": 0.99}))
    assert (verdict.s2.candidate, verdict.larger.candidate) == ("s@1,2", "l@1")
    assert verdict.macs_ratio == pytest.approx(5 / 4)
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
def test_outcome_needs_an_interval_beside_zero(s2, larger, outcome):
    (verdict,) = judge(rows(), contrasts(**{"s@1,2": s2, "l@1": larger}))
    assert verdict.outcome == outcome
    assert verdict.contrast.first == "s@1,2"
    assert verdict.contrast.difference == pytest.approx(s2 - larger, abs=0.08)


def test_contrast_may_be_written_the_other_way_round():
    shares = {"s@1,2": 0.8, "l@1": 0.5}
    forward = judge(rows(), contrasts(**shares))
    backward = judge(list(reversed(rows())), list(reversed(contrasts(**shares))))
    assert forward[0].contrast == backward[0].contrast


@pytest.mark.parametrize(
    "kept", [["s@1", "l@1"], ["s@1", "s@1,2"], ["l@1"], ["s@1,2", "other@1,2"]]
)
def test_no_verdict_without_two_sizes_and_several_scales(kept):
    assert judge([r for r in rows() if r.candidate in kept], contrasts()) == []


def test_a_handful_of_images_decides_nothing():
    """Four against none: the bootstrap leaves out zero, the exact test (p = 0.125) does not."""
    easy = np.zeros(200, bool)
    answers = {r.candidate: easy.copy() for r in rows()}
    answers["s@1,2"][:4] = True
    (verdict,) = judge(rows(), paired_contrasts(answers))
    assert verdict.contrast.ci_low > 0
    assert verdict.contrast.p_value == pytest.approx(0.125)
    assert verdict.outcome == "inconclusive"
