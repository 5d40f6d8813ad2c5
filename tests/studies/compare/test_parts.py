"""Probes, controls and cascades of a run, against the same by hand."""

import json

import numpy as np
import pytest
from sklearn.decomposition import PCA
from tests.tiny_study import CANDIDATES, SMALL

from polyscale.errors import InputError
from polyscale.learning.heads import fit_knn, probe
from polyscale.studies import run_compare


def rows_of(study, scales):
    """Pooled features (class token and mean cell of each scale) of both splits, one by one."""
    plan = study.plan()
    module = plan.settings.module(plan.backbones[SMALL], scales)
    return [
        np.concatenate(
            [module(module.preprocess([s.read(i)])).pooled.detach().numpy() for i in range(len(s))]
        )
        for s in (plan.data.train, plan.data.test)
    ]


def accuracy(study, train, test):
    data = study.plan().data
    found = probe(train, data.train.labels, test)
    return (found.probabilities.argmax(1) == data.test.labels).mean()


def test_probes_are_those_of_the_heads(study, whole):
    assert list(whole.probes) == CANDIDATES
    found, data = whole.probes[f"{SMALL}@1,2"], whole.data
    train, test = rows_of(study, (1, 2))
    knn = fit_knn(train, data.train.labels, test)
    assert found.knn.k == knn.k
    assert found.knn.value == (knn.probabilities.argmax(1) == data.test.labels).mean()
    assert found.knn.ci_low <= found.knn.value <= found.knn.ci_high
    # dim 6: of each scale the class token, then the mean cell
    for choice, columns in {"cls": [*range(6), *range(12, 18)], "both": [*range(24)]}.items():
        assert found.features[choice] == accuracy(study, train[:, columns], test[:, columns])
    assert found.seeds.values[0] == whole.rows[1].value
    assert len(found.seeds.values) == 3
    assert [s.shots for s in found.few_shot] == [1, 5, 10, 25]
    assert [s.skipped is None for s in found.few_shot] == [True, True, False, False]
    assert found.few_shot[0].low <= found.few_shot[0].mean <= found.few_shot[0].high


def test_protocol_and_feature_reach_the_probe(study):
    row = study([f"{SMALL}@1,2"], protocol="paper", feature="cls", probes=True).rows[0]
    assert row.feature_dim == 12
    assert "30 epochs" in row.probe["head"]
    assert row.settings["features"] == "per scale: the class token"


def test_a_class_token_that_is_not_there_is_told_before_anything_runs(study, tiny_backbone):
    study.models[SMALL] = tiny_backbone(num_prefix=0)
    with pytest.raises(InputError, match="'mean' or 'both' for a model without a class token"):
        study.plan(feature="cls")


def test_controls_are_what_they_say(study, whole):
    found = {c.control: c for c in whole.controls}
    own = whole.rows[1]
    assert {c.candidate for c in whole.controls} == {own.candidate}
    train, test = rows_of(study, (1, 2))
    mean = [(rows[:, :12] + rows[:, 12:]) / 2 for rows in (train, test)]
    assert found["mean"].value == accuracy(study, *mean)
    axes = PCA(12).fit(train)
    projected = [axes.transform(rows) for rows in (train, test)]
    assert found["equal_width"].value == accuracy(study, *projected)
    for control in found.values():
        assert control.feature_dim == 12
        assert control.difference == pytest.approx(control.value - own.value)
        assert control.diff_low <= control.difference <= control.diff_high
    assert found["mean"].macs == own.macs
    # scale 2 alone as one image: 4 of the candidate's 5 tiles
    assert found["untiled"].macs * 5 == own.macs * 4


def test_an_untiled_control_is_one_large_image(study, whole):
    plan = study.plan()
    model, data = plan.backbones[SMALL], plan.data
    module = plan.settings.module(model, (2,), split=False)
    assert module.plan.num_tiles == 1
    rows = [
        np.concatenate(
            [module(module.preprocess([s.read(i)])).pooled.detach().numpy() for i in range(len(s))]
        )
        for s in (data.train, data.test)
    ]
    assert whole.controls[0].value == accuracy(study, *rows)


def test_controls_that_cannot_run_say_why(study, tiny_backbone):
    study.models[SMALL] = tiny_backbone(dim=20, fixed_tile=True)
    study.models[SMALL].name = SMALL
    comparison = study(controls=True)
    reasons = {c.control: c.reason for c in comparison.controls}
    assert "tile_hw must be that of" in reasons["untiled"]
    assert "more training images than the 40 columns" in reasons["equal_width"]
    assert reasons["mean"] is None
    assert not comparison.failures


def test_cascades_begin_at_the_small_model_and_end_at_the_large_one(whole):
    one, two, larger = whole.rows
    found = {(c.kind, c.axis): c for c in whole.cascades}
    assert list(found) == [
        ("s2", "macs"), ("s2", "latency_ms"), ("larger", "macs"), ("larger", "latency_ms"),
    ]  # fmt: skip
    for (kind, axis), cascade in found.items():
        large = two if kind == "s2" else larger
        ends = (cascade.accuracy[0], cascade.accuracy[-1])
        assert ends == pytest.approx((one.value, large.value))
        assert cascade.cost[0] == getattr(one, axis)
    # scale 1 is paid for once
    assert found["s2", "macs"].cost[-1] == two.macs
    assert found["larger", "macs"].cost[-1] == one.macs + larger.macs
    assert found["larger", "macs"].chosen.cost <= one.macs + larger.macs


def test_thresholds_are_chosen_without_the_test_images(study, whole):
    plan = study.plan()
    labels = plan.data.test.labels
    labels[:] = np.roll(labels, 5)
    after = run_compare(plan)
    chosen = [[c.chosen.threshold for c in found.cascades if c.axis == "macs"]
              for found in (whole, after)]  # fmt: skip
    assert chosen[0] == chosen[1]
    assert whole.rows[0].value != after.rows[0].value


def test_the_margin_reaches_the_verdict(study, whole):
    wide = study(margin=0.9)
    assert {c.margin for c in wide.contrasts} == {0.9}
    assert whole.verdicts[0].outcome != "equivalent"
    assert wide.verdicts[0].outcome == "equivalent"


def test_files_are_plain_json(whole, tmp_path):
    whole.save(tmp_path)
    files = {f.stem: json.loads(f.read_text(), parse_constant=pytest.fail)
             for f in tmp_path.glob("*.json")}  # fmt: skip
    assert {f"{name}.json" for name in files} == {
        "recommendation.json", *(n for n in whole.plan.files if n.endswith(".json"))
    }  # fmt: skip
    assert {"probes.json", "controls.json", "cascades.json"} <= set(whole.plan.files)
    data = files["data"]
    assert (data["num_train"], data["num_test"]) == (24, 12)
    assert data["classes"] == {name: [8, 4] for name in ("coarse", "fine", "medium")}
    assert not any(found for name, found in data["report"].items() if name != "sizes")
    assert data["report"]["sizes"]["median_hw"] == [64, 80]
    for cascade in files["cascades"]:
        lengths = {len(cascade[k]) for k in ("thresholds", "share", "cost", "accuracy")}
        assert len(lengths) == 1
        assert max(lengths) <= 101
        assert cascade["share"][0] == 0
        assert cascade["share"][-1] == 1
    for spots in files["sweet_spots"].values():
        assert spots[-1]["budget_high"] is None
        ends = [spot["budget_high"] for spot in spots[:-1]]
        assert ends == [spot["budget_low"] for spot in spots[1:]]
    assert 0 < files["timing"]["busy_share"] <= 1
