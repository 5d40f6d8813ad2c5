"""What must hold for every task on pooled features, from data to the folder of a run."""

import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from polyscale.errors import InputError
from polyscale.records import Metric, TaskRecord
from polyscale.report import write_report
from polyscale.studies import is_finished
from polyscale.tasks import Multilabel, PooledTask, Regression, Retrieval
from polyscale.tasks.pooled import ridge_predictions


class OwnRightOrWrong(PooledTask):
    """A user's task in a few lines: is the number of squares right?"""

    name = "count"
    metric = Metric(key="counted", name="Counted", unit="%", noun="share counted")
    right_or_wrong = True

    def fit_predict(self, train, targets, test, settings):
        return ridge_predictions(train, targets.astype(float), test).round()

    def score_images(self, predictions, targets):
        return {"correct": predictions == targets}


class OwnMean(PooledTask):
    """A user's task whose metric is a mean of images."""

    name = "darkness"
    metric = Metric(key="off", name="Off", higher_is_better=False)

    def fit_predict(self, train, targets, test, settings):
        return ridge_predictions(train, targets, test)

    def score_images(self, predictions, targets):
        return {"off": np.abs(predictions - targets)}


WIDTH = 24
"""Of two scales of the small model: class token and mean of each."""

TASKS = {
    "labels": Multilabel(),
    "brightness": Regression(),
    "class": Retrieval(),
    "labels all right": Multilabel().judged_by("exact"),
    "brightness error": Regression().judged_by("absolute_error"),
    "class nearest": Retrieval().judged_by("recall_1"),
    "class right or wrong": OwnRightOrWrong(),
    "brightness mean": OwnMean(),
}


@pytest.fixture(params=TASKS, scope="module")
def task_run(request, make_data, run_task):
    task = TASKS[request.param]
    return task, run_task(make_data(request.param.split()[0]), task)


def test_a_run_has_rows_contrasts_and_a_verdict(task_run):
    task, comparison = task_run
    assert len(comparison.rows) == 3
    for row in comparison.rows:
        assert (row.task, row.metric) == (task.name, task.metric.key)
        assert row.ci_low <= row.value <= row.ci_high
        assert np.isfinite(row.selection_value)
        assert row.sign == task.metric.sign
        assert set(row.scores) == {metric.key for metric in task.other_metrics}
        assert (row.num_train, row.num_test) == (40, 30)
    assert len(comparison.contrasts) == 3
    for contrast in comparison.contrasts:
        assert contrast.metric == task.metric.key
        assert contrast.higher_is_better == task.metric.higher_is_better
        values = {row.candidate: row.value for row in comparison.rows}
        expected = values[contrast.first] - values[contrast.second]
        assert contrast.difference == pytest.approx(expected)
    (verdict,) = comparison.verdicts
    assert verdict.s2.scales == (1, 2)


def test_the_folder_describes_itself(task_run, tmp_path):
    task, comparison = task_run
    comparison.save(tmp_path)
    record = TaskRecord.from_dict(json.loads((tmp_path / "task.json").read_text()))
    assert record == task.record()
    images = pq.read_table(tmp_path / record.images_file).to_pandas()
    assert list(images.columns[:4]) == ["candidate", "id", "label", "prediction"]
    assert len(images) == 3 * 30
    if record.right_or_wrong:
        means = images.groupby("candidate")["correct"].mean()
    elif record.reduction == "mean":
        (column,) = record.statistics
        means = images.groupby("candidate")[column].mean()
    else:
        return
    for row in comparison.rows:
        assert means[row.candidate] == pytest.approx(row.value)


@pytest.mark.usefixtures("no_charts")
def test_the_report_speaks_of_the_metric_and_shows_the_predictions(task_run, tmp_path):
    task, comparison = task_run
    comparison.save(tmp_path)
    page = write_report(tmp_path).read_text()
    assert (task.metric.noun or task.metric.name) in page
    pictures = pq.read_table(tmp_path / "gallery.parquet").num_rows
    sheet = pq.read_table(tmp_path / "contact_sheet.parquet").num_rows
    assert sheet >= 18
    assert page.count("data:image/jpeg") == pictures + sheet
    assert page.count('class="said"') == pictures * len(comparison.rows)


def test_a_finished_run_is_known_again(task_run, tmp_path):
    _, comparison = task_run
    comparison.save(tmp_path)
    for name in ("report.html", "curves.png"):
        (tmp_path / name).write_text("")
    plan = comparison.plan
    assert is_finished(tmp_path, plan.facts, plan.files)
    with pytest.raises(InputError, match="holds another run .it differs in test_targets"):
        is_finished(tmp_path, plan.facts | {"test_targets": "other"}, plan.files)


def test_everything_is_repeated_by_its_seed(make_data, run_task):
    data = make_data("labels")
    first, second = run_task(data, Multilabel()), run_task(data, Multilabel())
    assert [row.value for row in first.rows] == [row.value for row in second.rows]
    assert [c.ci_low for c in first.contrasts] == [c.ci_low for c in second.contrasts]


def test_selection_does_not_see_the_test_images(make_data, run_task):
    data = make_data("brightness")
    other = replace(data, test=replace(data.test, targets=data.test.targets[::-1].copy()))
    before, after = run_task(data, Regression()), run_task(other, Regression())
    assert [r.selection_value for r in before.rows] == [r.selection_value for r in after.rows]
    assert [r.value for r in before.rows] != [r.value for r in after.rows]


def test_selection_is_the_metric_of_images_that_were_not_seen(make_data, run_task):
    """Every training image is predicted once, by heads that learned from other folds."""
    seen = []

    class Watched(OwnMean):
        def fit_predict(self, train, targets, test, settings):
            seen.append((set(targets.tolist()), test))
            return super().fit_predict(train, targets, test, settings)

    data = make_data("brightness")
    targets = np.arange(40) / 40
    data = replace(data, train=replace(data.train, targets=targets))
    run_task(data, Watched(), ["tiny:net_small@1"])
    folds = [(known, rows) for known, rows in seen if len(rows) < 30]
    assert sum(len(rows) for _, rows in folds) == 40
    left_out = [set(targets.tolist()) - known for known, _ in folds]
    assert set().union(*left_out) == set(targets.tolist())
    assert sum(len(own) for own in left_out) == 40


def test_data_without_targets_are_refused(make_data, run_task):
    data = make_data("class")
    without = replace(data, train=replace(data.train, targets=data.train.targets[:-1]))
    with pytest.raises(InputError, match="must have one target for each train image"):
        run_task(without, OwnMean())
    with pytest.raises(InputError, match="data must be a data set that is already loaded"):
        run_task("csv:x", OwnMean())


def test_a_class_token_that_is_not_there_is_refused(make_data, run_task, tiny_backbone):
    with pytest.raises(InputError, match="feature must be one of cls, mean, both"):
        run_task(make_data("class"), OwnMean(), feature="all")


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (lambda predictions: predictions * np.nan, "predictions must be finite"),
        (lambda predictions: predictions[:-1], "must be one for each of 30 test images, but there"),
    ],
)
def test_broken_predictions_fail_their_candidate_alone(make_data, run_task, break_it, told):
    class Broken(OwnMean):
        def fit_predict(self, train, targets, test, settings):
            predictions = super().fit_predict(train, targets, test, settings)
            return break_it(predictions) if train.shape[1] == WIDTH else predictions

    candidates = ["tiny:net_small@1", "tiny:net_small@1,2"]
    comparison = run_task(make_data("brightness"), Broken(), candidates)
    (failure,) = comparison.failures
    assert failure.candidate == "tiny:net_small@1,2"
    assert told in failure.error


def test_candidates_that_are_judged_on_other_images_are_never_paired(make_data, run_task):
    class Choosy(OwnMean):
        def score_images(self, predictions, targets):
            off = np.abs(predictions - targets)
            return {"off": np.where(off == off.max(), np.nan, off)}

    comparison = run_task(make_data("brightness"), Choosy())
    failed = [failure.error for failure in comparison.failures]
    assert all("must be judged on the same test images as tiny:net_small@1" in e for e in failed)
    unknown = {tuple(np.isnan(s.image_scores)) for s in comparison.scores.values()}
    assert len(unknown) == 1


@pytest.mark.parametrize("task", [OwnMean, OwnRightOrWrong])
def test_a_column_that_is_missing_is_named(task):
    class Forgetful(task):
        def score_images(self, predictions, targets):
            return {"something": predictions[:-1]}

    column = "correct" if task.right_or_wrong else "off"
    with pytest.raises(
        InputError, match=f"must return a column '{column}' with one value for each"
    ):
        Forgetful().score(np.zeros(4), np.zeros(4))
