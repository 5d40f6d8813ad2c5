import json

import numpy as np
import pytest

from polyscale.errors import InputError
from polyscale.records import Sizes
from polyscale.stats import ObjectIous, iou_by_size

EDGES_PX = (0, 100, 200, float("inf"))


@pytest.fixture
def objects():
    """The second candidate is better by 0.2 at small objects only; no object has 100 to 199 px."""
    rng = np.random.default_rng(0)
    first, second = [], []
    for _ in range(40):
        area = rng.choice([50, 99, 200, 5000], rng.integers(0, 6))
        iou = rng.uniform(0, 0.8, len(area))
        kind = np.zeros(len(area), np.int64)
        first.append(ObjectIous(kind, area, iou))
        second.append(ObjectIous(kind, area, iou + 0.2 * (area < 100)))
    return {"first": first, "second": second}


def test_means_are_over_all_objects_of_a_bin(objects):
    sizes = iou_by_size(objects, edges_px=EDGES_PX)
    area = np.concatenate([one.area_px for one in objects["first"]])
    iou = np.concatenate([one.iou for one in objects["first"]])
    small, none, large = sizes.iou["first"]
    assert none is None
    assert sizes.num_objects == ((area < 100).sum(), 0, (area >= 200).sum())
    assert small.value == pytest.approx(iou[area < 100].mean())
    assert large.value == pytest.approx(iou[area >= 200].mean())
    spread = 1.96 * iou[area < 100].std() / np.sqrt((area < 100).sum())
    assert small.value - small.ci_low == pytest.approx(spread, rel=0.2)
    assert small.ci_high - small.value == pytest.approx(spread, rel=0.2)


def test_contrasts_are_paired(objects):
    """Both vary with the images, their difference does not."""
    sizes = iou_by_size(objects, [("second", "first")], edges_px=EDGES_PX)
    small, none, large = sizes.gain("second", "first")
    assert none is None
    for value in (small.difference, small.ci_low, small.ci_high):
        assert value == pytest.approx(0.2)
    assert (large.difference, large.ci_low, large.ci_high) == (0, 0, 0)


def test_a_rare_object_that_some_resamples_miss_has_an_interval(objects):
    alone = ObjectIous(np.array([0]), np.array([150]), np.array([0.5]))
    one = [alone, *objects["first"][1:]]
    rare = iou_by_size({"a": one}, edges_px=EDGES_PX).iou["a"][1]
    assert (rare.value, rare.ci_low, rare.ci_high) == (0.5, 0.5, 0.5)


def test_the_file(objects):
    sizes = iou_by_size(objects, [("second", "first")])
    content = json.loads(json.dumps(sizes.to_dict(), allow_nan=False))
    assert Sizes.from_dict(content) == sizes
    assert content["edges_px"] == [0, 256, 1024, 4096, 16384, None]
    assert [len(content["num_objects"]), len(content["iou"]["first"])] == [5, 5]
    assert content["iou"]["first"][4] is None
    (contrast,) = content["contrasts"]
    assert set(contrast["bins"][0]) == {"difference", "ci_low", "ci_high"}


def test_mistakes(objects):
    with pytest.raises(InputError, match="must be the same for every candidate"):
        iou_by_size({"a": objects["first"], "b": objects["first"][1:]})
    with pytest.raises(InputError, match="at least one image"):
        iou_by_size({"a": []})
