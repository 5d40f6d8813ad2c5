import json

import pytest
from tests.report import dense_runs
from tests.report.conftest import WRITERS

from polyscale.report import draw_report
from polyscale.report.merge import differences, merge
from polyscale.report.read import read_run

NAMES = list(dense_runs.SKILLS)
HALVES = (NAMES[:3], NAMES[2:])  # one candidate is in both


@pytest.fixture(params=list(WRITERS))
def parts(request, tmp_path):
    """Two runs of some of the candidates, and the task."""
    skills = dense_runs.SKILLS
    write = WRITERS[request.param]
    return request.param, [
        write(tmp_path / part, {n: skills[n] for n in half})
        for part, half in zip("ab", HALVES, strict=True)
    ]


def test_parts_of_a_run_merge_into_it(parts, shared_dense_folders):
    task, folders = parts
    runs = [read_run(folder) for folder in folders]
    assert differences(runs) == []
    merged, whole = merge(runs), read_run(shared_dense_folders[task])
    assert [r.candidate for r in merged.results] == NAMES
    # contrasts, correction and verdicts, as if all had been run at once
    assert merged.contrasts == whole.contrasts
    assert [(v.outcome, v.costs) for v in merged.verdicts] == [
        (v.outcome, v.costs) for v in whole.verdicts
    ]
    assert [set(p.predicted) for p in merged.dense.pictures] == [set(NAMES)] * 12
    if task == "segmentation":
        assert merged.dense.classes == whole.dense.classes
        assert merged.dense.sizes.iou == whole.dense.sizes.iou
        # of pairs that no run holds both of there is no gain by size
        assert merged.dense.sizes.gain(NAMES[1], NAMES[0])
        assert merged.dense.sizes.gain(NAMES[1], NAMES[3]) is None


def test_a_merged_page_shows_all(parts, tmp_path):
    html = draw_report(parts[1], tmp_path / "both.html").path.read_text()
    assert "Merged from" in html
    for name in NAMES:
        assert f'data-candidate="{name}"' in html


@pytest.mark.parametrize(
    ("setting", "apart"),
    [
        ("test_fingerprint", "test images"),
        ("test_targets", "test targets"),
        ("train_targets", "train targets"),
        ("head", "head"),
    ],
)
def test_runs_that_learned_or_judge_otherwise_stand_apart(parts, tmp_path, setting, apart):
    _, folders = parts
    runs = [read_run(folder) for folder in folders]
    path = folders[1] / "results.json"
    rows = json.loads(path.read_text())
    for row in rows:
        row["settings"][setting] = "other"
    path.write_text(json.dumps(rows))
    assert differences([runs[0], read_run(folders[1])]) == [apart]
    written = draw_report(folders, tmp_path / "both.html")
    assert "They stand side by side" in written.path.read_text()


def test_a_run_of_another_task_stands_apart(shared_dense_folders):
    runs = [read_run(folder) for folder in shared_dense_folders.values()]
    assert {"task", "metric"} <= set(differences(runs))
