"""`polyscale vstar` and `polyscale vstar compare` as a user runs them."""

import json

import pytest

pytest.importorskip("transformers")
from tests.studies.vstar.questions import live_model, write_questions


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("vstar")
    write_questions(root / "data", num=6)
    for seed in (0, 1):
        for part in live_model(seed):
            part.save_pretrained(root / f"model{seed}")
    return root


def ask(run, folders, out, *more, model="model0"):
    options = ("--model", folders / model, "--data", folders / "data", "--out", out)
    return run("vstar", *options, "--device", "cpu", "--name", model, *more)


def test_questions_are_asked_and_two_models_compared(run, folders, tmp_path):
    for seed in (0, 1):
        asked = ask(run, folders, tmp_path / f"run{seed}", model=f"model{seed}")
        assert asked.returncode == 0, asked.stderr
        assert asked.stdout.startswith(f"model{seed} at scale 1: all questions ")
        assert asked.stdout.endswith(f"report: {tmp_path / f'run{seed}' / 'report.html'}\n")
        assert "6 of 6 questions" in asked.stderr
    again = ask(run, folders, tmp_path / "run1", model="model1")
    assert again.stdout == asked.stdout
    out = tmp_path / "both.html"
    compared = run("vstar", "compare", tmp_path / "run0", tmp_path / "run1", "--out", out)
    assert compared.returncode == 0, compared.stderr
    assert "exact McNemar test" in compared.stdout
    assert out.is_file()


def test_letters_and_a_limit(run, folders, tmp_path):
    asked = ask(run, folders, tmp_path / "run", "--protocol", "letters", "--limit", "4", "--quiet")
    assert asked.returncode == 0, asked.stderr
    assert "questions" not in asked.stderr
    row = json.loads((tmp_path / "run" / "results.json").read_text())[0]
    assert (row["task"], row["num_test"]) == ("questions by letters", 4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "--model must be given"),
        (("--model", "m", "--data", "d"), "--out must be given"),
        (("--model", "m", "--data", "d", "--out", "o", "--protocol", "x"), "protocol must be"),
        (("--model", "m", "--data", "./d", "--out", "o"), "data must be needles or a folder"),
        (("--model", "m", "--data", "d", "--out", __file__), "out must be a folder"),
        (("compare", "a"), "runs must be two folders"),
        (("compare", "a", "b"), "is missing"),
    ],
)
def test_mistakes(run, words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("vstar", *words, columns=400)
    assert result.returncode == 2
    assert message in result.stderr
