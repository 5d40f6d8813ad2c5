"""Rows made up in code."""

from collections.abc import Callable
from typing import Any

import pytest

from polyscale.records import Result
from polyscale.types import Candidate


def make_row(
    candidate: str, params: float, selection_value: float, macs: float = 1e9, **facts: Any
) -> Result:
    parsed = Candidate.parse(candidate)
    given = {
        "family": "f",
        "metric": "accuracy",
        "higher_is_better": True,
        "value": 0.5,
        "latency_ms": macs / 1e8,
        "peak_bytes": int(macs / 1e3),
        "num_test": 200,
        "ci_low": 0.4,
        "ci_high": 0.6,
    } | facts
    return Result(
        candidate=candidate,
        backbone=parsed.backbone,
        scales=parsed.scales,
        tile_hw=(224, 224),
        source="native",
        task="classification",
        data="d",
        selection_value=selection_value,
        num_train=1,
        num_tiles=1,
        feature_dim=1,
        params=int(params),
        macs=int(macs),
        flops=1,
        latency_low_ms=1.0,
        latency_high_ms=1.0,
        probe={},
        settings={},
        versions={},
        **given,
    )


@pytest.fixture
def row() -> Callable[..., Result]:
    return make_row
