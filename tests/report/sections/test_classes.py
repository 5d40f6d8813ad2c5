from dataclasses import replace

import numpy as np
import pytest

from polyscale.report.sections.classes import MAX_ROWS, class_pages


def test_each_class_counts_its_own_images(run):
    page, _ = class_pages(run)
    images, correct = run.images, run.images.correct
    assert sum(row.num_images for row in page.rows) == len(images.ids)
    s2 = correct[page.sides.s2.candidate]
    for row in page.rows:
        own = images.labels == row.name
        assert row.px_share is None
        assert row.is_few == (own.sum() < 30)
        for role, value in zip(page.sides.roles, row.values, strict=True):
            assert value == correct[role.candidate][own].mean()
        for role, gain, alone in zip(page.sides.others, row.gains, row.alone, strict=True):
            other = correct[role.candidate]
            assert alone == (int((s2 & ~other & own).sum()), int((other & ~s2 & own).sum()))
            assert gain.difference == pytest.approx(s2[own].mean() - other[own].mean())
            assert gain.ci_low <= gain.difference <= gain.ci_high


def test_rows_are_sorted_by_the_gain_over_the_larger_model(run, segmentation):
    for page in (*class_pages(run)[:1], *class_pages(segmentation)):
        assert page.sides.others[-1].title == "larger model"
        gains = [row.gains[-1].difference for row in page.rows]
        assert gains == sorted(gains, reverse=True)
        assert all(abs(end) <= page.limit for end in gains)


def test_matrices_agree_with_scikit_learn(run):
    metrics = pytest.importorskip("sklearn.metrics")
    page, _ = class_pages(run)
    for confusion in page.confusions:
        said = run.images.predictions[confusion.candidate]
        expected = metrics.confusion_matrix(run.images.labels, said, labels=page.classes)
        np.testing.assert_array_equal(confusion.counts, expected)
        label, prediction, count = confusion.mistakes[0]
        assert count == (expected - np.diag(np.diag(expected))).max()
        assert label != prediction


def test_without_a_larger_model_the_same_model_at_scale_1_stands_against(run):
    _, page = class_pages(run)
    assert [role.title for role in page.sides.others] == ["single scale"]
    names = ["pip:dinov2_small@1,2", "pip:dinov2_small@1"]
    assert [c.candidate for c in page.confusions] == names
    gains = [row.gains[0].difference for row in page.rows]
    assert gains == sorted(gains, reverse=True)


def test_many_classes_keep_the_largest_gains_and_losses(run):
    names = np.array([f"class {i:03d}" for i in range(len(run.images.ids))], object)
    page, _ = class_pages(replace(run, images=replace(run.images, labels=names)))
    assert len(page.rows) == MAX_ROWS
    assert page.num_hidden == len(names) - MAX_ROWS
    assert all(confusion.counts is None for confusion in page.confusions)


def test_gains_are_differences_of_the_files_ious(segmentation):
    (page,) = class_pages(segmentation)
    assert {row.name for row in page.rows} == set(segmentation.classes.names)
    assert sum(row.px_share for row in page.rows) == pytest.approx(1)
    single, s2, larger = range(3)
    for row in page.rows:
        for gain, other in zip(row.gains, (single, larger), strict=True):
            assert gain.difference == pytest.approx(row.values[s2] - row.values[other])
            assert gain.ci_low <= gain.difference <= gain.ci_high


def test_a_candidate_gains_nothing_over_itself(segmentation):
    (verdict,) = segmentation.verdicts
    images, single = segmentation.images, f"{verdict.s2.backbone}@1"
    same = dict(images.statistics) | {single: images.statistics[verdict.s2.candidate]}
    (page,) = class_pages(replace(segmentation, images=replace(images, statistics=same)))
    for row in page.rows:
        gain = row.gains[0]
        assert (gain.difference, gain.ci_low, gain.ci_high) == (0, 0, 0)


def test_a_class_that_is_nowhere_has_no_row_and_a_rare_one_is_marked(segmentation):
    classes = segmentation.classes
    changed = replace(
        classes,
        iou={name: (None, *own[1:]) for name, own in classes.iou.items()},
        test_images=(100, 100, 29),
    )
    (page,) = class_pages(replace(segmentation, classes=changed))
    assert classes.names[0] not in {row.name for row in page.rows}
    assert {row.name for row in page.rows if row.is_few} == {classes.names[2]}


def test_without_several_scales_there_are_values_alone(segmentation):
    single = tuple(r for r in segmentation.results if r.scales == (1,))
    (page,) = class_pages(replace(segmentation, results=single, verdicts=()))
    assert all(row.gains == () and len(row.values) == 3 for row in page.rows)
    firsts = [row.values[0] for row in page.rows]
    assert firsts == sorted(firsts, reverse=True)
