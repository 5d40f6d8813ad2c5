"""`polyscale hard` as a user meets it."""

import json
import shutil

import pytest
from tests.conftest import make_textures
from tests.tiny_study import CANDIDATES, LARGE, SMALL, make_models, use_models

from polyscale.records import read_config


@pytest.fixture(scope="module", autouse=True)
def models():
    with pytest.MonkeyPatch.context() as patch:
        use_models(patch, make_models(), resamples=100)
        yield


@pytest.fixture(scope="module")
def compared(tmp_path_factory, run, shared_cache):
    """A finished comparison of classification."""
    folder = tmp_path_factory.mktemp("hard")
    data = make_textures(folder / "textures")
    options = ("--dtype", "fp32", "--seed", "3", "--cache", shared_cache)
    result = run(
        "compare", "--data", f"folder:{data}", "--out", folder / "run", *options,
        "--candidates", *CANDIDATES, f"{SMALL}@1,3",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return folder / "run"


def test_a_run_is_repeated_with_hard_examples(compared, run, shared_cache, tmp_path):
    named = ("--base", f"{SMALL}@1", "--s2", f"{SMALL}@1,3", "--larger", f"{LARGE}@1")
    result = run("hard", compared, "--out", tmp_path / "out", *named, "--cache", shared_cache)
    assert result.returncode == 0, result.stderr
    assert "images were found" in result.stdout or "There are images" in result.stdout
    (found,) = json.loads((tmp_path / "out" / "hard.json").read_text())
    assert [found["base"], found["s2"], found["larger"]] == [named[1], named[3], named[5]]
    assert "still win" in (tmp_path / "out" / "report.html").read_text()
    before, after = (
        json.loads((f / "results.json").read_text()) for f in (compared, tmp_path / "out")
    )
    values = {row["candidate"]: row["value"] for row in before}
    assert {row["candidate"]: row["value"] for row in after}.items() <= values.items()
    assert all(row["latency_ms"] is None for row in after)
    config = read_config(tmp_path / "out" / "compare.toml")
    assert (config["hard"], config["seed"]) == (True, 3)
    again = run("hard", compared, "--out", tmp_path / "out", *named, "--cache", shared_cache)
    assert "nothing was computed" in again.stderr


@pytest.mark.parametrize(
    ("named", "words"),
    [
        (("--larger", f"{LARGE}@1"), "base and s2 are missing"),
        (
            ("--base", f"{SMALL}@1", "--s2", f"{LARGE}@1,2", "--larger", f"{LARGE}@1"),
            "the same model at several scales",
        ),
        (
            ("--base", f"{LARGE}@1", "--s2", f"{LARGE}@1,2", "--larger", f"{SMALL}@1"),
            "and a larger model at scale 1",
        ),
    ],
)
def test_candidates_that_do_not_fit_are_refused(compared, run, tmp_path, refused, named, words):
    refused(run("hard", compared, "--out", tmp_path / "out", *named), words)
    assert not (tmp_path / "out").exists()


def test_folders_that_cannot_be_repeated_are_refused(compared, run, tmp_path, refused):
    out = ("--out", tmp_path / "out")
    refused(run("hard", tmp_path / "none", *out), "finished comparison")
    copy = shutil.copytree(compared, tmp_path / "copy")
    config = copy / "compare.toml"
    text = config.read_text()
    config.write_text(text.replace('"classification"', '"depth"'))
    refused(run("hard", copy, *out), "run must be of classification", "is of depth")
    config.write_text(text.replace("candidates", "candidate"))
    refused(run("hard", copy, *out), "must hold candidates")
    config.write_text(text + "mystery = 1\n")
    refused(run("hard", copy, *out), "--mystery is no option of classification")
    config.unlink()
    refused(run("hard", copy, *out), "compare.toml", "loaded in Python")
    assert not (tmp_path / "out").exists()
