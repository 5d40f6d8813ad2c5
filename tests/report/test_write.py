import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import polyscale.report
from polyscale.errors import InputError, MissingExtraError, RunError
from polyscale.report import draw_report, write, write_report
from polyscale.report.curves import draw_png


def test_exports():
    assert polyscale.report.__all__ == [
        "Written",
        "check_page",
        "draw_report",
        "read_answers",
        "write_look",
        "write_report",
    ]


def test_report_and_curves_are_written_and_nothing_else(run_folder, no_charts):
    before = {p.name for p in run_folder.iterdir()}
    assert write_report(run_folder) == run_folder / "report.html"
    after = {p.name for p in run_folder.iterdir()}
    assert after - before == {"report.html", "curves.png"}


@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_a_report_is_the_same_each_time(runs, pages, tmp_path, task):
    again = draw_report([runs[task]], tmp_path / "again.html").path
    assert again.read_bytes() == pages[task].read_bytes()


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"task\.json must be a file"):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_curves_are_drawn_beside_the_report(segmentation_folder, monkeypatch, few_charts):
    monkeypatch.setattr("polyscale.report.curves.draw_png", draw_png)
    write_report(segmentation_folder)
    assert (segmentation_folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_whose_name_is_no_utf8_is_shown_as_far_as_it_can_be(run_folder, no_charts):
    strange = run_folder.with_name("run\udcff")
    run_folder.rename(strange)
    out = strange.parent / "both.html"
    other = Path(shutil.copytree(strange, strange.with_name("other")))
    assert "Merged from" in draw_report([strange, other], out).path.read_text(encoding="utf-8")


def test_a_failed_write_leaves_the_old_report_and_no_part(run_folder, no_charts, monkeypatch):
    old = write_report(run_folder).read_bytes()

    def fail(self, target):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(RunError, match="disk full"):
        write_report(run_folder)
    assert (run_folder / "report.html").read_bytes() == old
    assert not list(run_folder.glob(".*"))


def test_a_missing_extra_is_named(run_folder, monkeypatch):
    monkeypatch.setattr(write, "NEEDED", ("no_such_package",))
    with pytest.raises(MissingExtraError, match=r"pip install 'polyscale\[compare\]'"):
        write_report(run_folder)


def test_importing_loads_no_heavy_package():
    code = (
        "import sys, polyscale.report; "
        "print([m for m in ('torch', 'matplotlib', 'jinja2', 'pyarrow', 'scipy') "
        "if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_report_is_written_without_torch(runs, tmp_path):
    """Of two tasks side by side, which takes no chart and loads every module."""
    code = (
        "import sys; from pathlib import Path; from polyscale.report import draw_report; "
        "a, b, out = map(Path, sys.argv[1:]); draw_report([a, b], out); "
        "print('torch' in sys.modules)"
    )
    folders = [str(runs[task]) for task in ("classification", "depth")]
    command = [sys.executable, "-c", code, *folders, str(tmp_path / "both.html")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
