import subprocess
import sys
from pathlib import Path

import pytest

import polyscale.report
from polyscale.errors import InputError, MissingExtraError, RunError
from polyscale.report import write, write_report


def test_exports():
    assert polyscale.report.__all__ == [
        "Written",
        "draw_report",
        "read_answers",
        "write_report",
    ]


def test_report_and_curves_are_written_and_nothing_else(run_folder):
    before = {p.name for p in run_folder.iterdir()}
    assert write_report(run_folder) == run_folder / "report.html"
    after = {p.name for p in run_folder.iterdir()}
    assert after - before == {"report.html", "curves.png"}


def test_a_report_is_the_same_each_time(run_folder):
    first = write_report(run_folder).read_bytes()
    assert write_report(run_folder).read_bytes() == first


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"results\.json must be a file"):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_report_and_no_part(run_folder, monkeypatch):
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


def test_a_report_is_written_without_torch(run_folder):
    code = (
        "import sys; from pathlib import Path; from polyscale.report import write_report; "
        "write_report(Path(sys.argv[1])); print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(run_folder)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
