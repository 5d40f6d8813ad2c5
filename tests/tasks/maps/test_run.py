"""A dense comparison from images to files: what it says, and what it costs to go on."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import jaccard_score
from tests.tiny_study import CANDIDATES

from polyscale.data import load_segmentation
from polyscale.errors import InputError
from polyscale.learning.heads.dense import TrainSettings
from polyscale.learning.heads.dense.augment import AugmentSettings
from polyscale.learning.heads.dense.views import ViewSettings
from polyscale.learning.heads.head_file import load_head
from polyscale.studies import plan_compare
from polyscale.studies.predict import load_predictor
from polyscale.tasks import DensePredictor, DepthSettings, SegmentationSettings
from polyscale.tasks.registry import heads_of


def numbers(comparison):
    """Everything that must not depend on how a run came about."""
    return {
        row.candidate: (row.value, row.selection_value, row.macs, row.peak_bytes, row.feature_dim)
        for row in comparison.rows
    }


@pytest.fixture(scope="module")
def segmented(study):
    return study()


def predicted(study, comparison, candidate, image):
    """What a candidate says of a picture, image → tiles → head, nothing kept."""
    plan = study.plan()
    number = CANDIDATES.index(candidate)
    scales = plan.candidates[number].scales
    module = plan.settings.module(plan.backbones[plan.candidates[number].backbone], scales)
    head = comparison.heads[candidate]
    return DensePredictor(
        module, head, plan.settings.views, plan.task.outputs(plan.task.head_facts(plan.data))
    ).predict(image)


def test_values_are_those_of_the_pictures_predicted_one_by_one(study, segmented):
    data = load_segmentation(study.data)
    for row in segmented.rows:
        truth, said = [], []
        for i in range(len(data.test)):
            labels = data.test.target(i)
            answer = predicted(study, segmented, row.candidate, data.test.read(i))
            assert answer.shape == labels.shape
            truth.append(labels[labels >= 0])
            said.append(answer[labels >= 0])
        expected = jaccard_score(np.concatenate(truth), np.concatenate(said), average="macro")
        # kept maps are float16, which moves a pixel here and there
        assert row.value == pytest.approx(expected, abs=0.01)
        assert row.ci_low <= row.value <= row.ci_high
        assert (row.metric, row.task, row.num_test) == ("miou", "segmentation", 6)


def test_views_may_go_through_the_model_in_parts(study, monkeypatch):
    views = ViewSettings(windows="slide", flip=True)
    head = study([CANDIDATES[0]], views=views).heads[CANDIDATES[0]]
    plan = study.plan([CANDIDATES[0]], views=views)
    module = plan.settings.module(plan.backbones["tiny:net_small"], (1,))
    predictor = DensePredictor(
        module, head, views, plan.task.outputs(plan.task.head_facts(plan.data))
    )
    image = plan.data.test.read(0)
    together = predictor.predict(image)
    monkeypatch.setattr("polyscale.tasks.maps.predictor.VIEWS", 3)
    np.testing.assert_array_equal(predictor.predict(image), together)


def test_the_head_has_learned(segmented):
    """A constant answer has a mean IoU of at most a third."""
    assert min(row.value for row in segmented.rows) > 0.4


def test_several_scales_cost_their_tiles_and_the_head(segmented):
    one, two, larger = segmented.rows
    head = [row.probe["macs"] for row in segmented.rows]
    assert two.macs - head[1] == 5 * (one.macs - head[0])
    assert head[0] == 4 * 4 * 6 * 3  # cells × channels × classes
    assert head[1] == 2 * head[0]
    assert one.params < larger.params
    (verdict,) = segmented.verdicts
    assert (verdict.s2.candidate, verdict.larger.candidate) == (CANDIDATES[1], CANDIDATES[2])
    assert len(segmented.contrasts) == 3


def test_files_say_what_the_comparison_says(segmented, tmp_path):
    segmented.save(tmp_path)
    rows = json.loads((tmp_path / "results.json").read_text())
    assert [row["value"] for row in rows] == [row.value for row in segmented.rows]
    images = pq.read_table(tmp_path / "images.parquet").to_pandas()
    for row in segmented.rows:
        own = images[images.candidate == row.candidate]
        inside, union = (np.stack(own[name]).sum(axis=0) for name in ("intersection", "union"))
        assert np.mean(inside / union) == pytest.approx(row.value)
    classes = json.loads((tmp_path / "classes.json").read_text())
    assert np.mean(classes["iou"][CANDIDATES[0]]) == pytest.approx(rows[0]["value"])
    objects = pq.read_table(tmp_path / "objects.parquet").to_pandas()
    assert set(objects["class"]) <= set(classes["names"])
    assert objects.groupby("candidate").size().nunique() == 1
    sizes = json.loads((tmp_path / "sizes.json").read_text())
    assert sum(sizes["num_objects"]) == objects.groupby("candidate").size().iloc[0]
    gallery = pq.read_table(tmp_path / "gallery.parquet").to_pandas()
    assert set(gallery.kind) == {"image", "truth", "prediction"}
    assert gallery.groupby("id").size().eq(2 + len(CANDIDATES)).all()
    for number, row in enumerate(rows):
        loaded = load_head(tmp_path / row["probe"]["file"], heads_of)
        assert row["probe"]["file"] == f"heads/{number}.safetensors"
        assert loaded.facts["candidate"] == row["candidate"]
        assert loaded.facts["class_names"] == classes["names"]


def test_exchanged_heads_are_noticed(segmented, tmp_path):
    segmented.save(tmp_path)
    first, other = (tmp_path / f"heads/{number}.safetensors" for number in (0, 1))
    first.rename(tmp_path / "head.safetensors")
    other.rename(first)
    (tmp_path / "head.safetensors").rename(other)
    for file, wrong in ((first, CANDIDATES[1]), (other, CANDIDATES[0])):
        load_head(file, heads_of)  # whole, with a checksum that is right
        with pytest.raises(InputError, match=f"must belong to .* it belongs to {wrong}\\. "):
            load_predictor(file)


def test_depth_is_judged_in_metres(study):
    study_rows = study(task="depth").rows
    for row in study_rows:
        assert row.metric == "rmse"
        assert set(row.scores) == {"abs_rel", "delta1", "delta2", "delta3", "silog"}
        # depths are 1, 2.5 and 4 m: always the middle one is wrong by 1.1 m or more
        assert row.value < 1.0


def test_a_second_run_computes_nothing_and_says_the_same(study, tmp_path, monkeypatch):
    first = study.run(cache=tmp_path / "cache")
    monkeypatch.setattr(
        "polyscale.features.extract._prepare",
        lambda *_: pytest.fail("a tile was made again"),
    )
    steps = []
    second = study.run(
        cache=tmp_path / "cache",
        told=lambda step, done, total, unit, note="": steps.append((unit, done)),
    )
    assert numbers(second) == numbers(first)
    assert {done for unit, done in steps if unit == "steps"} == {20}


def test_a_killed_training_goes_on_where_it_was(study, tmp_path):
    class Killed(BaseException):
        pass

    def kill(step, done, total, unit, note=""):
        if unit == "steps" and 10 <= done < total:
            raise Killed

    with pytest.raises(Killed):
        study.run(cache=tmp_path / "cache", told=kill)
    assert numbers(study.run(cache=tmp_path / "cache")) == numbers(study())


@pytest.mark.parametrize(
    ("first", "second"),
    [({"merge": "add"}, {"merge": "mean"}), ({"split": True}, {"split": False})],
)
def test_a_kept_head_is_not_taken_for_that_of_other_maps(study, tmp_path, first, second):
    two = [CANDIDATES[1]]
    before = study.run(two, cache=tmp_path, **first)
    after, alone = study.run(two, cache=tmp_path, **second), study(two, **second)
    assert after.rows[0].probe["losses"] == alone.rows[0].probe["losses"]
    assert after.rows[0].probe["losses"] != before.rows[0].probe["losses"]


def test_maps_that_do_not_fit_the_memory_give_the_same(study):
    assert numbers(study(memory_bytes=1000)) == numbers(study())


@pytest.mark.parametrize("task", ["segmentation", "depth"])
def test_windows_and_mirrors_are_seen_and_paid_for(study, task):
    plain, (slid, *_) = (
        study(task=task).rows[0],
        study([CANDIDATES[0]], task=task, views=ViewSettings(windows="slide", flip=True)).rows,
    )
    # 64×80 px and 64×96 px: two squares, each seen twice
    assert slid.probe["views"] == 4
    assert slid.num_tiles == 4 * plain.num_tiles
    assert slid.macs == 4 * plain.macs
    assert slid.value != plain.value


def test_the_largest_grid_has_more_cells(study):
    base, largest = study([CANDIDATES[1]]), study([CANDIDATES[1]], grid="largest")
    assert base.rows[0].probe["grid_hw"] == [4, 4]
    assert largest.rows[0].probe["grid_hw"] == [8, 8]
    assert largest.rows[0].value > base.rows[0].value


def test_scales_may_be_summed(study):
    row = study([CANDIDATES[1]], merge="add").rows[0]
    assert row.feature_dim == 6


def test_other_seeds_tell_how_far_trainings_spread(study):
    one, three = study([CANDIDATES[0]]).rows[0], study([CANDIDATES[0]], seeds=3).rows[0]
    assert three.value == one.value == three.probe["seed_values"][0]
    assert len(set(three.probe["seed_values"])) == 3
    assert three.probe["seed_std"] == pytest.approx(np.std(three.probe["seed_values"], ddof=1))
    assert "seed_values" not in one.probe


def test_a_candidate_that_breaks_leaves_the_others(study, monkeypatch):
    def broken(images):
        raise RuntimeError("no such luck")

    monkeypatch.setattr(study.models["tiny:net_large"], "forward", broken)
    comparison = study.run()
    assert [row.candidate for row in comparison.rows] == CANDIDATES[:2]
    assert "no such luck" in comparison.failures[0].error


def test_augmented_training_runs_the_backbone_anew(study):
    seen = []
    hook = study.models["tiny:net_small"].register_forward_pre_hook(
        lambda _, args: seen.append(len(args[0]))
    )
    few = TrainSettings(steps=3, batch=2)
    study([CANDIDATES[0]], training=few, augment=AugmentSettings(crop_hw=(64, 64)))
    hook.remove()
    # 3 × 2 pictures, one or two held-out ones, 6 of the test, and the costs
    assert sum(seen) > 3 * 2 + 1 + 6


def test_settings_of_another_head_are_refused(study):
    with pytest.raises(InputError, match="head must be one of linear.*Did you mean 'upernet'"):
        study(head="upernets")
    with pytest.raises(InputError, match="fitted in one go"):
        study(head="knn")
    with pytest.raises(InputError, match="held_out must be above 0"):
        study(held_out=0)
    data = load_segmentation(study.data)
    with pytest.raises(InputError, match="data must be loaded for depth"):
        plan_compare(data, CANDIDATES, DepthSettings())


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"head": ["linear"]}, "head must be one of linear"),
        ({"head_options": 3}, "head_options must be Mapping, but got 3"),
        ({"training": {"steps": 2}}, "training must be TrainSettings or None"),
        ({"views": None}, "views must be ViewSettings, but got None"),
        ({"seed": 3.0}, "seed must be a whole number from 0 to 4294967295, but got 3.0"),
        ({"memory_bytes": float("inf")}, "memory_bytes must be int, but got inf"),
        ({"held_out": np.float32(0.125)}, "held_out must be above 0"),
    ],
)
def test_settings_that_no_file_could_keep_are_refused_at_once(wrong, told):
    with pytest.raises(InputError, match=told):
        SegmentationSettings(**wrong)


@pytest.mark.parametrize(
    ("head", "options"),
    [
        ("linear", {"evil": 1}),
        ("linear", {"in_channels": 3}),
        ("upernet", {"channels": -3}),
        ("upernet", {"channels": np.int64(8)}),
    ],
)
def test_options_are_tried_before_any_model_runs(study, head, options):
    with pytest.raises(InputError, match=f"head_options must be options of head {head}"):
        study.plan(training=None, head=head, head_options=options)
    with pytest.raises(InputError, match="head_options must be options of head knn"):
        study.plan(training=None, head="knn", head_options={"regulariser": 1})
