import json

import numpy as np
import pytest

from polyscale.records import Contrast, Result, Verdict
from polyscale.stats import judge, paired_contrasts


@pytest.fixture
def verdict():
    def row(candidate, params, macs, value):
        backbone, _, scales = candidate.partition("@")
        return Result(
            candidate=candidate, backbone=backbone, family="f", tile_hw=(224, 224), source="base",
            scales=tuple(map(int, scales.split(","))), task="classification", data="d",
            metric="accuracy", higher_is_better=True, value=value, ci_low=0.1, ci_high=0.9,
            selection_value=value,
            num_train=1, num_test=100, num_tiles=1, feature_dim=1, params=params, macs=macs,
            flops=1, latency_ms=float(macs), latency_low_ms=1.0, latency_high_ms=1.0,
            peak_bytes=macs, probe={"kind": "x"}, settings={}, versions={},
        )  # fmt: skip

    rows = [row("s@1", 1, 10, 0.5), row("s@1,2", 1, 50, 0.6), row("l@1", 3, 20, 0.6)]
    rng = np.random.default_rng(0)
    right = {r.candidate: rng.random(100) < r.value for r in rows}
    (found,) = judge(rows, paired_contrasts(right))
    return found


def test_a_verdict_goes_through_json(verdict):
    assert {c.rule for c in verdict.costs} >= {"within", "interpolated"}
    assert Verdict.from_dict(json.loads(json.dumps(verdict.to_dict()))) == verdict


def test_a_contrast_goes_through_json(verdict):
    found = verdict.contrast
    assert Contrast.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_a_contrast_turned_twice_is_itself(verdict):
    found = verdict.contrast
    turned = found.turned()
    assert (turned.first, turned.ci90_low) == (found.second, -found.ci90_high)
    assert turned.turned() == found
