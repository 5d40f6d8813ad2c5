import numpy as np
import pytest
from polyscale.report.dense.by_class import iou_pages

from polyscale.report.read import read_run
from polyscale.report.sides import sides_of


@pytest.fixture
def run(shared_dense_folders):
    return read_run(shared_dense_folders["segmentation"])


def page_of(run, pairs=None):
    pairs = [(v.s2, v.larger) for v in run.verdicts] if pairs is None else pairs
    (page,) = iou_pages(run.dense, sides_of(run.results, pairs), seed=0)
    return page


def test_gains_are_differences_of_the_files_ious_the_largest_first(run):
    page = page_of(run)
    assert {row.name for row in page.rows} == set(run.dense.classes.names)
    single, s2, larger = range(3)
    for row in page.rows:
        for gain, other in zip(row.gains, (single, larger), strict=True):
            assert gain.value == pytest.approx(row.iou[s2] - row.iou[other])
            assert gain.ci_low <= gain.value <= gain.ci_high
    found = [row.gains[0].value for row in page.rows]
    assert found == sorted(found, reverse=True)


def test_a_candidate_gains_nothing_over_itself(run):
    same = run.verdicts[0].s2
    answers = run.dense.answers.statistics[same.candidate]
    statistics = dict(run.dense.answers.statistics) | {f"{same.backbone}@1": answers}
    run.dense.answers.__dict__["statistics"] = statistics
    for row in page_of(run, [(same, None)]).rows:
        assert (row.gains[0].value, row.gains[0].ci_low, row.gains[0].ci_high) == (0, 0, 0)


def test_a_class_that_is_nowhere_has_no_row_and_a_rare_one_is_marked(run):
    classes = run.dense.classes
    classes.__dict__["iou"] = {name: (None, *own[1:]) for name, own in classes.iou.items()}
    classes.__dict__["test_images"] = (100, 100, 100, 29)
    rows = page_of(run).rows
    assert classes.names[0] not in {row.name for row in rows}
    assert {row.name for row in rows if row.is_few} == {classes.names[3]}


def test_without_several_scales_there_are_ious_alone(run):
    page = page_of(run, [])
    assert all(row.gains == () and len(row.iou) == 3 for row in page.rows)
    firsts = [row.iou[0] for row in page.rows]
    np.testing.assert_array_equal(firsts, sorted(firsts, reverse=True))
