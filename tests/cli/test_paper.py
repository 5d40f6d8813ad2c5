"""`polyscale paper` as a user meets it."""

import csv
import subprocess
import sys
from io import StringIO
from types import SimpleNamespace

import pytest

from polyscale.cli import main


@pytest.fixture
def paper(monkeypatch, capsys):
    def paper(*arguments):
        monkeypatch.setattr(sys, "argv", ["polyscale", "paper", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsys.readouterr()
        return SimpleNamespace(code=left.value.code or 0, out=printed.out, err=printed.err)

    return paper


def test_help_has_examples(paper):
    assert "polyscale paper --table classification" in paper("--help").out


def test_a_table_with_its_caveats_and_calls(paper):
    shown = paper("--table", "classification")
    assert shown.code == 0
    assert "GFLOPs as printed" in shown.out
    assert "printed figure counts one of the two attention products" in shown.out
    assert "ViT-L/14 (1) dominates ViT-B/16 (1, 2)" in shown.out
    assert "robot" not in shown.out


def test_all_tables(paper):
    shown = paper().out
    for name in ("classification", "multimodal", "robot", "pretraining"):
        assert f"\n{name}" in f"\n{shown}"


def test_csv_for_pipes(paper):
    shown = paper("--table", "robot", "--csv")
    assert [row["value"] for row in csv.DictReader(StringIO(shown.out))] == ["43.8", "62.5", "50.0"]
    assert shown.err == ""


def test_figure(paper, tmp_path):
    shown = paper("--figure", tmp_path / "figure.svg")
    assert shown.code == 0
    assert shown.out == ""
    assert "DINOv2" not in shown.err
    assert (tmp_path / "figure.svg").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--table", "depht"], "Did you mean 'depth'"),
        (["--csv", "--table", "none"], "table must be one of"),
        (["--figure", "figure.gif"], "must end in .png or .svg"),
    ],
)
def test_mistakes(paper, arguments, words):
    shown = paper(*arguments)
    assert shown.code == 2
    assert words in shown.err
    assert len(shown.err.splitlines()) == 1


def test_torch_is_not_waited_for():
    code = (
        "import sys; sys.argv = ['polyscale', 'paper', '--table', 'robot']\n"
        "from polyscale.cli import main\n"
        "try: main()\n"
        "except SystemExit: sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
