"""`polyscale paper` as a user meets it."""

import csv
import subprocess
import sys
from io import StringIO

import pytest


@pytest.fixture
def paper(run):
    return lambda *arguments: run("paper", *arguments, columns=200)


def test_help_has_examples(paper):
    assert "polyscale paper --table classification" in paper("--help").stdout


def test_a_table_with_its_caveats_and_calls(paper):
    shown = paper("--table", "classification")
    assert shown.returncode == 0
    assert "GFLOPs as printed" in shown.stdout
    assert "printed figure counts one of the two attention products" in shown.stdout
    assert "ViT-L/14 (1) dominates ViT-B/16 (1, 2)" in shown.stdout
    assert "robot" not in shown.stdout


def test_all_tables(paper):
    shown = paper().stdout
    for name in ("classification", "multimodal", "robot", "pretraining"):
        assert f"\n{name}" in f"\n{shown}"


def test_csv_for_pipes(paper):
    shown = paper("--table", "robot", "--csv")
    rows = csv.DictReader(StringIO(shown.stdout))
    assert [row["value"] for row in rows] == ["43.8", "62.5", "50.0"]
    assert shown.stderr == ""


def test_figure(paper, tmp_path):
    shown = paper("--figure", tmp_path / "figure.svg")
    assert shown.returncode == 0
    assert shown.stdout == ""
    assert "DINOv2" not in shown.stderr
    assert (tmp_path / "figure.svg").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--table", "depht"], "Did you mean 'depth'"),
        (["--csv", "--table", "none"], "table must be one of"),
        (["--figure", "figure.gif"], "must end in .png, .svg or .pdf"),
    ],
)
def test_mistakes(paper, arguments, words):
    shown = paper(*arguments)
    assert shown.returncode == 2
    assert words in shown.stderr
    assert len(shown.stderr.splitlines()) == 1


def test_torch_is_not_waited_for():
    code = (
        "import sys; sys.argv = ['polyscale', 'paper', '--table', 'robot']\n"
        "from polyscale.cli import main\n"
        "try: main()\n"
        "except SystemExit: sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
