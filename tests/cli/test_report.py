"""`polyscale report` as a user runs it, on a run folder of a tiny study."""

import json
import shutil

import pytest
from tests.report.studies import MAP_CANDIDATES, write_map_run
from typer.testing import CliRunner

from polyscale.cli.app import app
from polyscale.errors import InputError
from polyscale.records import Result, TaskRecord, append_log, read_json


@pytest.fixture(scope="module")
def shared_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    return write_map_run(folder / "run", folder / "scenes", "segmentation", MAP_CANDIDATES[:3])


@pytest.fixture
def run(shared_run, tmp_path):
    return shutil.copytree(shared_run, tmp_path / "run")


def invoke(*arguments):
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


def test_the_report_of_a_run_is_drawn_anew(run):
    result = invoke(run)
    assert result.exit_code == 0
    assert result.stdout.startswith(("Take ", "For now, take "))
    assert "\nThese test images can’t tell several scales from the larger model" in result.stdout
    assert result.stdout.endswith(f"report: {run / 'report.html'}\n")
    assert (run / "report.html").is_file()
    assert (run / "curves.png").is_file()


def test_several_runs_are_drawn_as_one(run, tmp_path):
    other = shutil.copytree(run, tmp_path / "other")
    out = tmp_path / "both.html"
    result = invoke(run, other, "--out", out)
    assert result.exit_code == 0
    assert "note: Merged from" in result.stderr
    assert "In several of the runs: " in result.stderr
    assert out.is_file()
    assert not (run / "report.html").exists()


def test_several_runs_need_a_page_to_write(run, tmp_path):
    result = invoke(run, tmp_path)
    assert isinstance(result.exception, InputError)
    assert "out must be given for several runs" in str(result.exception)


def test_a_folder_that_is_no_run_is_named(tmp_path):
    result = invoke(tmp_path)
    assert isinstance(result.exception, InputError)
    assert "task.json must be a file that polyscale compare wrote" in str(result.exception)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("value", "x", "but is 'x'"), ("value", 1.5, "0 to 1"), ("macs", -1, "above 0")],
)
def test_numbers_that_cannot_be(run, field, value, message):
    path = run / "results.json"
    rows = json.loads(path.read_text())
    rows[1][field] = value
    path.write_text(json.dumps(rows))
    result = invoke(run)
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)


def test_a_log_is_ranked(shared_run, tmp_path):
    row = read_json(shared_run / "results.json", tuple[Result, ...])[0]
    task = read_json(shared_run / "task.json", TaskRecord)
    append_log(tmp_path / "runs.jsonl", "monday", task, [row])
    result = invoke("--log", tmp_path / "runs.jsonl")
    assert result.exit_code == 0
    assert "efficientnet_lite0 @ 1" in result.stdout.replace("\N{NO-BREAK SPACE}", " ")
    assert "monday" in result.stdout
    assert "partly by luck" in result.stderr


def test_a_log_takes_no_folders(tmp_path):
    result = invoke(tmp_path, "--log", tmp_path / "runs.jsonl")
    assert isinstance(result.exception, InputError)
    assert "--log must be given without folders" in str(result.exception)
    assert "runs must hold at least one folder" in str(invoke().exception)
