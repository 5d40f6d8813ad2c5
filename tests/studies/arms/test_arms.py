"""The four arms on tiny pictures, from random weights to the page."""

import json
from dataclasses import replace

import numpy as np
import pytest
from tests.tiny_idx import write_idx

from polyscale.data import load_classification
from polyscale.errors import InputError
from polyscale.learning.pretraining import PretrainSettings
from polyscale.records import Arms, read_json
from polyscale.report import write_report
from polyscale.report.read import read_run
from polyscale.studies import write_run
from polyscale.studies.arms import ArmsSettings, parse_model, plan_arms, run_arms
from polyscale.studies.arms.halves import divide

pytest.importorskip("timm")
pytest.importorskip("tensorboard")

TINY = {"img_size": 14, "patch_size": 7, "embed_dim": 8, "depth": 1, "num_heads": 1}
LARGER = {**TINY, "embed_dim": 24, "depth": 2}
BASE = PretrainSettings(
    model="vit_tiny_patch16_224", model_args=TINY, steps=3, batch=8, learning_rate=1e-2, workers=1
)
SETTINGS = ArmsSettings(base=BASE, larger=BASE.model, larger_args=LARGER)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = write_idx(tmp_path_factory.mktemp("images") / "bars", 72, 24)
    return load_classification(f"idx:{folder}")


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A whole run, and the folder of its trainings."""
    folder = tmp_path_factory.mktemp("arms")
    with pytest.MonkeyPatch.context() as patch:
        for module in ("image_bootstrap", "intervals"):
            patch.setattr(f"polyscale.stats.{module}.NUM_RESAMPLES", 500)
        yield run_arms(plan_arms(data, SETTINGS), trainings=folder, cache=folder / "cache"), folder


def test_backbones_and_heads_learn_from_different_images(data):
    pretrain, probe = divide(data, 0.25, seed=0)
    assert not set(pretrain.train.ids) & set(probe.train.ids)
    assert set(pretrain.train.ids) | set(probe.train.ids) == set(data.train.ids)
    assert np.bincount(pretrain.train.labels).tolist() == [6, 6, 6]
    assert pretrain.test.ids == probe.test.ids == data.test.ids
    index = data.train.ids.index(pretrain.train.ids[3])
    assert pretrain.train.labels[3] == data.train.labels[index]


def test_every_value_is_the_mean_of_its_trainings(trained):
    comparison, _ = trained
    arms = comparison.plan.task.arms
    assert [arm.candidate for arm in arms.arms] == [
        "base@1", "base@1,2", "larger@1", "base-s2@1,2"
    ]  # fmt: skip
    rows = {row.candidate: row for row in comparison.rows}
    for arm in arms.arms:
        assert len(arm.values) == 3
        assert arm.mean == pytest.approx(np.mean(arm.values))
        assert arm.seed_std == pytest.approx(np.std(arm.values, ddof=1))
        assert rows[arm.candidate].value == pytest.approx(arm.mean)
        assert rows[arm.candidate].probe["seed_values"] == list(arm.values)
        shares = comparison.scores[arm.candidate].columns["accuracy"]
        assert set(np.round(3 * shares).astype(int)) <= {0, 1, 2, 3}
        assert shares.mean() == pytest.approx(arm.mean)


def test_compute_is_stated_and_matched(trained):
    arms = {arm.candidate: arm for arm in trained[0].plan.task.arms.arms}
    base, after, during = (arms[name] for name in ("base@1", "base@1,2", "base-s2@1,2"))
    assert {arm.train_images for arm in arms.values()} == {3 * 8}
    assert after.train_macs == base.train_macs
    assert during.train_macs == pytest.approx(5 * base.train_macs, rel=0.01)
    assert base.train_macs == pytest.approx(3 * 24 * base.use_macs, rel=0.01)
    assert arms["larger@1"].train_macs > base.train_macs
    assert during.train_scales == (1, 2)


def test_pairs_are_those_of_the_table_in_paired_differences(trained):
    comparison, _ = trained
    arms = comparison.plan.task.arms
    values = {arm.candidate: np.array(arm.values) for arm in arms.arms}
    assert [(c.first, c.second) for c in arms.contrasts] == [
        ("base-s2@1,2", "base@1,2"),
        ("base-s2@1,2", "larger@1"),
        ("base@1,2", "base@1"),
    ]
    for contrast in arms.contrasts:
        expected = values[contrast.first] - values[contrast.second]
        np.testing.assert_allclose(contrast.differences, expected)
        assert contrast.both_low <= contrast.difference <= contrast.both_high
        assert contrast.p_holm >= contrast.p_value


@pytest.mark.usefixtures("no_charts")
def test_the_page_shows_the_arms(trained, tmp_path):
    comparison, _ = trained
    write_run(comparison, tmp_path / "run")
    assert read_json(tmp_path / "run" / "arms.json", Arms) == comparison.plan.task.arms
    page = write_report(tmp_path / "run").read_text()
    assert "small, S² during pre-training" in page
    assert "80.3, 81.1, 81.6, 82.4" in page
    assert "Student’s t" in page
    assert "would settle it, if" not in page  # more images alone cannot
    assert read_run(tmp_path / "run").arms is not None
    rows = json.loads((tmp_path / "run" / "results.json").read_text())
    assert rows[0]["settings"]["arms"]["share"] == 0.5


def test_given_again_nothing_is_trained_and_nothing_changes(trained, data, monkeypatch):
    comparison, folder = trained

    def forbidden(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr("polyscale.learning.pretraining.train.train", forbidden)
    again = run_arms(plan_arms(data, SETTINGS), trainings=folder, cache=folder / "cache")
    assert again.plan.task.arms == comparison.plan.task.arms


def test_other_settings_in_the_same_folder_are_refused(trained, data):
    other = replace(SETTINGS, base=replace(BASE, learning_rate=1e-3))
    with pytest.raises(InputError, match="learning_rate"):
        run_arms(plan_arms(data, other), trainings=trained[1])


def test_a_larger_model_that_is_not_larger_is_told(data):
    (note,) = plan_arms(data, replace(SETTINGS, larger_args=TINY)).notes
    assert "no more than the" in note
    assert not plan_arms(data, SETTINGS).notes


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seeds": 2}, "seeds must be at least 3"),
        ({"scales": (1,)}, "scales must be 1 and at least one other"),
        ({"scales": (2, 3)}, "scales must be 1 and at least one other"),
        ({"share": 1.0}, "share must be above 0 and below 1"),
        ({"share": 0.01}, "each class has at least 2 to train backbones"),
        ({"base": replace(BASE, scales=(1, 2))}, "base must be trained at scale 1"),
        ({"base": replace(BASE, batch=500)}, "number of images to train backbones on, 36, but"),
        ({"larger_args": {**LARGER, "in_chans": 1}}, "must take RGB images"),
        ({"larger_args": {**LARGER, "img_size": 28}}, "must have tiles of"),
    ],
)
def test_settings_that_cannot_be(data, change, told):
    with pytest.raises(InputError, match=told):
        plan_arms(data, replace(SETTINGS, **change))


def test_models_are_read_from_text():
    assert parse_model("resnet18") == ("resnet18", {})
    with pytest.raises(InputError, match=r"NAME\?ARGUMENT=VALUE"):
        parse_model("vit?depth=")
