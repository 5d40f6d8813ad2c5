import json
import os
from pathlib import Path

import pytest
from tests.report.conftest import SKILLS, make_correct, make_rows, write_extras, write_run

from polyscale.errors import InputError
from polyscale.report import draw_report
from polyscale.report.merge import differences, merge
from polyscale.report.read import read_run

NAMES = list(SKILLS)
HALVES = (NAMES[:4], [NAMES[3], *NAMES[4:]])  # one candidate is in both


def write_part(folder: Path, names: list[str], day: str = "2025-01-31", **facts) -> Path:
    """A run of some of the candidates, with the answers that they have in the run of all."""
    results, contrasts = make_rows(SKILLS)
    results = [r for r in results if r.candidate in names]
    contrasts = [c for c in contrasts if c.first in names and c.second in names]
    correct = {n: right for n, right in make_correct(SKILLS).items() if n in names}
    write_run(folder, results, contrasts, correct)
    path = folder / "results.json"
    rows = json.loads(path.read_text())
    for row in rows:
        row["versions"]["date"] = day
        row["settings"] |= {k: v for k, v in facts.items() if k in row["settings"]}
        row |= {k: v for k, v in facts.items() if k in row}
    path.write_text(json.dumps(rows))
    return folder


@pytest.fixture
def parts(tmp_path):
    days = ("2025-01-30", "2025-01-31")
    return [
        write_part(tmp_path / name, half, day)
        for name, half, day in zip("ab", HALVES, days, strict=True)
    ]


def test_parts_of_a_run_merge_into_it(parts, run):
    merged = merge([read_run(part) for part in parts])
    assert [r.candidate for r in merged.results] == NAMES
    assert {r.candidate: r.value for r in merged.results} == {
        r.candidate: r.value for r in run.results
    }
    # correction and verdicts too, as if all had been run at once
    assert merged.contrasts == run.contrasts
    (verdict,), (whole,) = merged.verdicts, run.verdicts
    assert (verdict.outcome, verdict.contrast) == (whole.outcome, whole.contrast)
    assert verdict.costs == whole.costs
    for picture in merged.pictures:
        assert list(picture.answers) == NAMES


@pytest.mark.parametrize("turned", [False, True])
def test_of_a_candidate_in_both_the_newest_row_stands_and_is_said(parts, turned):
    rows = json.loads((parts[1] / "results.json").read_text())
    rows[0]["latency_ms"] = 99.5
    (parts[1] / "results.json").write_text(json.dumps(rows))
    merged = merge([read_run(part) for part in (parts[::-1] if turned else parts)])
    (row,) = (r for r in merged.results if r.candidate == NAMES[3])
    assert row.latency_ms == 99.5
    assert merged.date == "2025-01-31"
    note = f"In several of the runs: {NAMES[3]}. The newest, of {parts[1]}, is shown."
    assert note in merged.notes


def test_on_one_day_the_newest_file_stands(tmp_path):
    parts = [write_part(tmp_path / name, NAMES[:2]) for name in "ab"]
    os.utime(parts[0] / "results.json", (2e9, 2e9))
    assert f"The newest, of {parts[0]}, are shown." in merge([read_run(p) for p in parts]).notes[1]


@pytest.mark.parametrize(
    ("facts", "apart"),
    [
        ({}, []),
        ({"test_fingerprint": "other"}, ["test images"]),
        ({"test_fingerprint": None}, ["test images"]),
        ({"train_fingerprint": "other"}, ["train images"]),
        ({"data": "flowers"}, ["data"]),
        ({"source": "base"}, ["source"]),
    ],
)
def test_runs_share_contrasts_only_on_the_same_images(tmp_path, facts, apart):
    runs = [
        read_run(write_part(tmp_path / "a", HALVES[0])),
        read_run(write_part(tmp_path / "b", HALVES[1], **facts)),
    ]
    assert differences(runs) == apart


def test_runs_on_other_images_stand_side_by_side_without_contrasts(tmp_path):
    parts = [
        write_part(tmp_path / "a<b>", HALVES[0]),
        write_part(tmp_path / "c", HALVES[1], test_fingerprint="other"),
    ]
    written = draw_report(parts, tmp_path / "both.html")
    html = written.path.read_text()
    assert "differ in test images" in written.notes[0]
    assert "They stand side by side and are not compared" in html
    assert "a&lt;b&gt;" in html
    assert 'data-field="only_first"' not in html
    for name in NAMES:
        assert f'data-candidate="{name}"' in html


def test_files_of_both_are_kept_with_their_candidates(parts):
    results, _ = make_rows(SKILLS)
    for part, names in zip(parts, HALVES, strict=True):
        own = [r for r in results if r.candidate in names]
        if part == parts[0]:
            # its larger model is the one that the newer run has too
            write_extras(part, own, {n: c for n, c in make_correct(SKILLS).items() if n in names})
    merged = merge([read_run(part) for part in parts])
    assert {c.kind for c in merged.extras.cascades} == {"s2"}
    assert set(merged.extras.probes) == set(NAMES[:3])
    assert len(merged.extras.controls) == 3


def test_a_merged_page_says_so_and_shows_all(parts, tmp_path):
    before = [sorted(p.name for p in part.iterdir()) for part in parts]
    written = draw_report(parts, tmp_path / "both.html")
    html = written.path.read_text()
    assert "Merged from" in html
    assert "In several of the runs: " in html
    for name in NAMES:
        assert f'data-candidate="{name}"' in html
    # the runs themselves stay as they are
    assert [sorted(p.name for p in part.iterdir()) for part in parts] == before


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
