import json
import re
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.tiny_idx import write_idx
from tests.tiny_study import CANDIDATES, FAST

from polyscale.data import load_classification
from polyscale.errors import InputError
from polyscale.records import Capacity as CapacityRecord
from polyscale.records import ImagePair, Suspicious, read_json
from polyscale.report import write_report
from polyscale.report.read import read_run
from polyscale.studies import plan_compare, run_compare
from polyscale.tasks import Capacity, CapacitySettings, ClassificationSettings
from polyscale.tasks.options import options_of

NUM = 90
OPTIONS = {**FAST, "batch": 30, "epochs": 3, "costs": False}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = write_idx(tmp_path_factory.mktemp("images") / "bars", NUM, 12)
    return load_classification(f"idx:{folder}")


@pytest.fixture(scope="module")
def study(models, data):
    settings = CapacitySettings(**{**OPTIONS, "floors": True})
    return run_compare(plan_compare(data, CANDIDATES, settings))


def test_the_training_images_are_judged(study, data):
    assert study.data.test.ids == data.train.ids
    for row in study.rows:
        assert (row.task, row.num_train, row.num_test) == ("capacity", NUM, NUM)
        assert row.ci_low <= row.value <= row.ci_high
        losses = study.scores[row.candidate].columns
        assert row.value == pytest.approx(losses["memorisation"].mean())
        assert row.scores["training_loss"] == pytest.approx(losses["training_loss"].mean())
    assert study.recommendation is None
    assert len(study.verdicts) == 1


def test_chance_is_the_logarithm_of_the_number_of_images(study):
    (chance,) = (floor for floor in study.floors if floor.name == "chance")
    assert chance.value == pytest.approx(np.log(NUM))
    assert all(row.value < chance.value for row in study.rows)


def test_controls_have_features_of_equal_width(study):
    widths = {control.control: control.feature_dim for control in study.controls}
    single = next(row for row in study.rows if row.candidate == CANDIDATES[0])
    assert widths == {"mean": single.feature_dim, "equal_width": single.feature_dim}
    assert all(control.value is not None for control in study.controls)


@pytest.mark.usefixtures("no_charts")
def test_the_page_shows_both_losses_and_the_layers(study, tmp_path):
    study.save(tmp_path)
    record = read_json(tmp_path / "capacity.json", CapacityRecord)
    assert record.chance == {
        "memorisation": pytest.approx(np.log(NUM)),
        "training_loss": pytest.approx(np.log(3)),
    }
    rows = {row.candidate: row for row in study.rows}
    assert {layer.candidate for layer in record.layers} == set(rows)
    for layer in record.layers:
        row = rows[layer.candidate]
        own = row.value if layer.loss == "memorisation" else row.scores["training_loss"]
        assert layer.value == pytest.approx(own)
        assert layer.ci_low <= layer.value <= layer.ci_high
        assert layer.num_classes == {"memorisation": NUM, "training_loss": 3}[layer.loss]
        assert layer.params == layer.num_classes * (row.feature_dim + 1)
        assert layer.tried[f"{layer.learning_rate:g}"] == pytest.approx(layer.value)
    mine = [c for c in record.contrasts if c.metric == "memorisation"]
    differences = {(c.first, c.second): c.difference for c in study.contrasts}
    assert {(c.first, c.second): c.difference for c in mine} == differences
    assert read_run(tmp_path).recommendation is None
    page = write_report(tmp_path).read_text()
    assert "Does the larger model learn more of its images?" in page
    assert 'id="capacity"' in page
    assert "test images" not in page.partition('id="method"')[0]
    data = page.partition('id="data"')[2].partition("</section>")[0]
    words = " ".join(re.sub("<[^>]*>", "", data).split())
    assert f": {NUM} training images in 3 classes. Split: the training images are judged" in words
    assert "<figcaption>training" in data
    assert "<figcaption>test" not in data
    assert '<th scope="col" class="n">test</th>' not in data
    sheet = [title.partition('"')[0] for title in data.split('title="')[1:]]
    assert len(sheet) == len(set(sheet))
    assert set(pq.read_table(tmp_path / "images.parquet").column_names) >= set(record.chance)
    assert json.loads((tmp_path / "task.json").read_text())["held_out"] is False


def test_layers_are_kept_so_that_a_run_that_was_stopped_goes_on(
    models, data, tmp_path, monkeypatch
):
    plan = plan_compare(data, CANDIDATES[:1], CapacitySettings(**OPTIONS))
    first = run_compare(plan, cache=tmp_path)

    def forbidden(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr("polyscale.tasks.capacity.lowest_loss", forbidden)
    again = run_compare(plan, cache=tmp_path)
    assert [row.value for row in again.rows] == [row.value for row in first.rows]


def test_judged_by_the_true_classes(models, data):
    settings = CapacitySettings(**OPTIONS, metric="training_loss")
    plan = plan_compare(data, CANDIDATES[:1], settings)
    (row,) = run_compare(plan).rows
    assert (row.metric, set(row.scores)) == ("training_loss", {"memorisation"})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"batch": NUM + 1}, f"batch must be at most the number of training images, {NUM}"),
        ({"epochs": 0}, "epochs must be a whole number of at least 1"),
        ({"batch": 0}, "batch must be a whole number of at least 1"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
    ],
)
def test_settings_that_cannot_be(models, data, options, told):
    with pytest.raises(InputError, match=told):
        plan_compare(data, CANDIDATES[:1], CapacitySettings(**{**OPTIONS, **options}))


def test_images_cannot_be_drawn_again():
    assert "repeats" in options_of(ClassificationSettings)
    assert "repeats" not in options_of(CapacitySettings)


@pytest.mark.usefixtures("models")
def test_what_was_found_of_test_images_is_left_out(data):
    train, test = data.train.ids[0], data.test.ids[0]
    pair = ImagePair(train_id=train, test_id=test, distance=0, same_bytes=True)
    odd = [Suspicious(split=s, id=i, reason="odd") for s, i in (("train", train), ("test", test))]
    report = replace(
        data.report, near_duplicates=(pair,), suspect_pairs=(pair,), suspicious=tuple(odd)
    )
    study = run_compare(
        plan_compare(replace(data, report=report), CANDIDATES[:1], CapacitySettings(**OPTIONS))
    )
    assert study.data.report.notes == (
        f"Images that are worth a look: 1, for example {train} (odd).",
    )


def test_a_layer_that_does_not_fit_into_memory_is_refused(models, data, monkeypatch):
    monkeypatch.setattr("polyscale.tasks.capacity.free_bytes", lambda device: 1000)
    with pytest.raises(InputError, match="90 images and 12 features of tiny.* Take a sample"):
        plan_compare(data, CANDIDATES[:1], CapacitySettings(**OPTIONS))


def test_one_class_is_refused(tmp_path):
    folder = write_idx(tmp_path / "bars", 30, 6, num_classes=1)
    with pytest.raises(InputError, match="must have at least two classes"):
        Capacity().load(f"idx:{folder}", seed=0, cache=None, progress=lambda *a, **k: None)
