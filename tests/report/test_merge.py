import os
import shutil
from dataclasses import replace

import pytest
from tests.report.conftest import edit, keep_candidates
from tests.report.studies import CANDIDATES, MAP_CANDIDATES

from polyscale.errors import InputError
from polyscale.records import FoundReconstruction, Reconstruction, ReconstructionRow, write_json
from polyscale.report import draw_report
from polyscale.report.merge import cannot_merge, differences, merge
from polyscale.report.read import read_run

TASKS = {
    # one candidate is in both parts
    "classification": (CANDIDATES[:4], CANDIDATES[3:]),
    "segmentation": (MAP_CANDIDATES[:3], MAP_CANDIDATES[2:]),
    "depth": (MAP_CANDIDATES[:3], MAP_CANDIDATES[2:]),
}


def make_part(runs, task, folder, names, day="2025-01-31", **facts):
    """A run of some of the candidates, with what they do in the run of all."""
    shutil.copytree(runs[task], folder, ignore=shutil.ignore_patterns("heads"))
    keep_candidates(folder, names)

    def changed(rows):
        for row in rows:
            row["settings"] |= {"date": day}
            row["settings"] |= {k: v for k, v in facts.items() if k in row["settings"]}
            row |= {k: v for k, v in facts.items() if k in row}

    edit(folder / "results.json", changed)
    return folder


@pytest.fixture(scope="module", params=list(TASKS))
def parts(request, runs, tmp_path_factory):
    """The task, two runs of some of the candidates, and these as they are read."""
    folder, days = tmp_path_factory.mktemp(request.param), ("2025-01-30", "2025-01-31")
    folders = [
        make_part(runs, request.param, folder / name, half, day)
        for name, half, day in zip("ab", TASKS[request.param], days, strict=True)
    ]
    return request.param, folders, [read_run(folder) for folder in folders]


@pytest.fixture
def few_resamples(monkeypatch):
    """As many as the studies drew."""
    for name in ("intervals", "image_bootstrap"):
        monkeypatch.setattr(f"polyscale.stats.{name}.NUM_RESAMPLES", 500)


def test_parts_of_a_run_merge_into_it(parts, runs, few_resamples):
    task, _, read = parts
    assert differences(read) == []
    merged, whole = merge(read), read_run(runs[task])
    names = [r.candidate for r in whole.results]
    assert [r.candidate for r in merged.results] == names
    # contrasts, correction and verdicts, as if all had been run at once
    assert merged.contrasts == whole.contrasts
    assert [(v.outcome, v.contrast, v.costs) for v in merged.verdicts] == [
        (v.outcome, v.contrast, v.costs) for v in whole.verdicts
    ]
    assert [p.id for p in merged.pictures] == [p.id for p in whole.pictures]
    assert list(merged.images.predictions) == list(whole.images.predictions)
    assert len(merged.maps) == len(whole.maps)
    assert all(set(image.predicted) == set(names) for image in merged.maps)
    if whole.sizes:
        assert merged.classes == whole.classes
        assert merged.sizes.iou == whole.sizes.iou
        # of pairs that no run holds both of there is no gain by size
        assert merged.sizes.gain(names[1], names[0]) == whole.sizes.gain(names[1], names[0])
        assert merged.sizes.gain(names[1], names[3]) is None


@pytest.mark.parametrize("turned", [False, True])
def test_of_a_candidate_in_both_the_newest_row_stands_and_is_said(parts, turned, few_resamples):
    task, folders, (older, newer) = parts
    twice = TASKS[task][1][0]
    slower = replace(newer.results[0], latency_ms=99.5)
    newer = replace(newer, results=(slower, *newer.results[1:]))
    merged = merge([newer, older] if turned else [older, newer])
    (row,) = (r for r in merged.results if r.candidate == twice)
    assert row.latency_ms == 99.5
    assert merged.date == "2025-01-31"
    note = f"In several of the runs: {twice}. The newest, of {folders[1]}, is shown."
    assert note in merged.notes


def test_on_one_day_the_newest_file_stands(runs, tmp_path):
    parts = [make_part(runs, "classification", tmp_path / n, CANDIDATES[:2]) for n in "ab"]
    os.utime(parts[0] / "results.json", (2e9, 2e9))
    assert f"The newest, of {parts[0]}, are shown." in merge([read_run(p) for p in parts]).notes[1]


@pytest.mark.parametrize(
    ("task", "facts", "apart"),
    [
        ("classification", {}, []),
        ("classification", {"test_fingerprint": "other"}, ["test images"]),
        ("classification", {"test_fingerprint": None}, ["test images"]),
        ("classification", {"train_fingerprint": "other"}, ["train images"]),
        ("classification", {"data": "flowers"}, ["data"]),
        ("classification", {"source": "base"}, ["source"]),
        ("segmentation", {"test_targets": "other"}, ["test targets"]),
        ("depth", {"train_targets": "other"}, ["train targets"]),
        ("depth", {"head": "other"}, ["head"]),
        ("segmentation", {"views": "other"}, ["views"]),
    ],
)
def test_runs_share_contrasts_only_on_the_same_images(request, task, facts, apart):
    first = request.getfixturevalue("run" if task == "classification" else task)
    rows = [
        replace(
            row,
            settings={**row.settings, **{k: v for k, v in facts.items() if k in row.settings}},
            **{k: v for k, v in facts.items() if hasattr(row, k)},
        )
        for row in first.results
    ]
    read = [first, replace(first, results=tuple(rows))]
    assert differences(read) == apart
    assert bool(cannot_merge(read)) == bool(apart)


def test_a_run_of_another_task_stands_apart(run, segmentation, depth):
    assert {"task", "metric"} <= set(differences([segmentation, depth]))
    assert {"task", "metric"} <= set(differences([run, depth]))


def test_images_of_other_names_are_other_images(depth):
    """Whatever fingerprints say."""
    images = replace(depth.images, ids="other/" + depth.images.ids)
    assert differences([depth, replace(depth, images=images)]) == ["test images"]


def test_runs_whose_metric_is_no_mean_over_images_stand_side_by_side(depth):
    """Such as a ranking of all images: there is nothing to compute contrasts anew from."""
    whole = replace(depth, task=replace(depth.task, reduction=None, statistics=()))
    assert "Runs of depth cannot be merged: their metric is not a mean" in cannot_merge([whole] * 2)


def test_runs_on_other_images_stand_side_by_side_without_contrasts(runs, tmp_path):
    halves = TASKS["classification"]
    parts = [
        make_part(runs, "classification", tmp_path / "a<b>", halves[0]),
        make_part(runs, "classification", tmp_path / "c", halves[1], test_fingerprint="other"),
    ]
    written = draw_report(parts, tmp_path / "both.html")
    html = written.path.read_text()
    assert "differ in test images" in written.notes[0]
    assert "They are shown side by side and not compared" in html
    assert "a&lt;b&gt;" in html
    assert 'data-field="only_first"' not in html
    for name in CANDIDATES:
        assert f'data-candidate="{name}"' in html


def test_files_of_both_are_kept_with_their_candidates(runs, tmp_path):
    halves = TASKS["classification"]
    parts = [
        make_part(runs, "classification", tmp_path / n, half, day)
        for n, half, day in zip("ab", halves, ("2025-01-30", "2025-01-31"), strict=True)
    ]
    (parts[1] / "probes.json").unlink()
    merged = merge([read_run(part) for part in parts])
    whole = read_run(runs["classification"])
    # the larger model is of the newer run, so that no cascade onto it stands
    assert merged.cascades == tuple(c for c in whole.cascades if c.kind == "s2")
    assert set(merged.probes) == set(CANDIDATES[:3])
    assert {c.candidate for c in merged.controls} == {c.candidate for c in whole.controls}
    assert merged.failures == whole.failures * 2


def reconstruction(*names):
    """A reconstruction from these candidates."""
    rows = [
        ReconstructionRow(
            candidate=name,
            split=split,
            loss=0.5,
            loss_constant=1.0,
            info_bits=1.0,
            info_low=0.9,
            info_high=1.1,
            r2=(0.5,) * 21,
            cka=0.5,
            explained=(0.5,),
            resampled="not resampled",
        )
        for name in names
        for split in ("train", "test")
    ]
    return Reconstruction(
        target=CANDIDATES[-1],
        target_dim=1,
        grid_hw=(1, 1),
        num_images=(2, 2),
        num_tokens=(2, 2),
        ranks=(1,),
        variance=(1.0,),
        rows=tuple(rows),
    )


def test_a_reconstruction_stays_with_its_rows(runs, tmp_path, no_charts, few_resamples):
    halves = TASKS["classification"]
    older, newer = (
        make_part(runs, "classification", tmp_path / n, half, day)
        for n, half, day in zip("ab", halves, ("2025-01-30", "2025-01-31"), strict=True)
    )
    write_json(older / "reconstruction.json", reconstruction(*halves[0][:2]))
    FoundReconstruction(record=reconstruction(), pictures=()).write_pictures(older)
    html = draw_report([older, newer], tmp_path / "both.html").path.read_text()
    assert 'id="reconstruction"' in html
    # one whose row was taken from the newer run would be beside other figures
    write_json(older / "reconstruction.json", reconstruction(halves[0][0], halves[0][3]))
    html = draw_report([older, newer], tmp_path / "both.html").path.read_text()
    assert 'id="reconstruction"' not in html
    assert f"Only the page of {older} itself shows its reconstruction." in html


def test_a_merged_page_says_so_and_shows_all(parts, tmp_path, no_charts, few_resamples):
    task, folders, _ = parts
    before = [sorted(p.name for p in folder.iterdir()) for folder in folders]
    html = draw_report(folders, tmp_path / "both.html").path.read_text()
    assert "Merged from" in html
    assert "In several of the runs: " in html
    for name in dict.fromkeys(n for half in TASKS[task] for n in half):
        assert f'data-candidate="{name}"' in html
    # the runs themselves stay as they are
    assert [sorted(p.name for p in folder.iterdir()) for folder in folders] == before


@pytest.mark.parametrize(
    ("runs", "out", "message"),
    [
        ([], None, "runs must hold at least one folder, but is empty"),
        (["a", "a"], "x.html", "runs must differ, but '.*a' is given twice"),
        (["a", "b"], None, r"out must be given for several runs, but is not for 2\. Add --out"),
        (["a"], "x.png", r"out must be a page, but got '.*x.png'\. Let it end in \.html"),
        (["a"], "no/x.html", "out must be in a folder that exists, but '.*no' does not"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_read(tmp_path, runs, out, message):
    with pytest.raises(InputError, match=message):
        draw_report([tmp_path / r for r in runs], out and tmp_path / out)
