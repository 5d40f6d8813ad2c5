import json
from fractions import Fraction

import numpy as np
import pytest

from polyscale.errors import InputError
from polyscale.types import Candidate, check_scales


@pytest.mark.parametrize(
    ("text", "backbone", "scales"),
    [
        ("pip:efficientnet_lite0@1,2", "pip:efficientnet_lite0", (1, 2)),
        ("pip:efficientnet_lite0", "pip:efficientnet_lite0", (1,)),
        ("timm:convnext_base.fb_in22k@0.5,1,2", "timm:convnext_base.fb_in22k", (0.5, 1, 2)),
        ("timm:/models/a@b@1,3", "timm:/models/a@b", (1, 3)),
    ],
)
def test_parse(text, backbone, scales):
    assert Candidate.parse(text) == Candidate(backbone, scales)


def test_written_as_it_was_read():
    assert str(Candidate.parse("timm:a@0.5,1,2")) == "timm:a@0.5,1,2"


@pytest.mark.parametrize(
    "scales",
    [(np.int64(1), np.float32(1.5)), np.array([1, 1.5]), [1, Fraction(3, 2)], iter((1, 1.5))],
)
def test_scales_become_plain_numbers(scales):
    checked = check_scales(scales)
    assert json.dumps(checked) in ("[1, 1.5]", "[1.0, 1.5]")
    assert all(type(scale) in (int, float) for scale in checked)


def test_a_candidate_holds_plain_numbers():
    assert json.dumps(Candidate("a", (np.int64(2),)).scales) == "[2]"


@pytest.mark.parametrize(
    ("scales", "message"),
    [
        ((), "at least one scale"),
        ((0,), "must be positive numbers of at most 1000, but got 0"),
        ((1, -2), "must be positive numbers of at most 1000, but got -2"),
        ((1, float("nan")), "must be positive"),
        ((1, float("inf")), "must be positive"),
        (("a",), "must be positive numbers of at most 1000, but got 'a'"),
        ((True,), "must be positive numbers of at most 1000, but got True"),
        ((np.True_,), "must be positive"),
        ((1j,), "must be positive"),
        ((1, 2, 1), "must not repeat, but got 1 twice"),
        ((1, np.int64(1)), "must not repeat, but got 1 twice"),
        (2, "scales must be a sequence, but got 2"),
        ("12", "scales must be a sequence, but got '12'"),
    ],
)
def test_bad_scales(scales, message):
    with pytest.raises(InputError, match=message):
        check_scales(scales)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a@1,1e308", "at most 1000"),
        ("a@1,1.0000001", "must not repeat"),
        ("a@one", "scales must be numbers"),
        ("a@", "scales must be numbers"),
        ("@1,2", "must be SOURCE@SCALES"),
        ("a@nan", "must be positive"),
        ("a@1,1.0", "must not repeat"),
    ],
)
def test_bad_candidates(text, message):
    with pytest.raises(InputError, match=message):
        Candidate.parse(text)
