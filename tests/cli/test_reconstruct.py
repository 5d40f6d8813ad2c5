import json

import pytest
from tests.tiny_study import LARGE, SMALL, make_models, use_models


@pytest.fixture(autouse=True)
def models(monkeypatch):
    made = make_models()
    use_models(monkeypatch, made, resamples=100)
    monkeypatch.setattr("polyscale.studies.reconstruct.run.load", made.__getitem__)


def command(folder, out, *more):
    given = ("--from", f"{SMALL}@1", f"{SMALL}@1,2", "--data", f"folder:{folder}", "--out", out)
    return ("reconstruct", "--target", LARGE, *given, "--no-cache", "--dtype", "fp32", *more)


def test_a_reconstruction_and_its_folder(run, image_folder, tmp_path):
    out = tmp_path / "run"
    words = command(image_folder, out, "--limit", "18", "-q")
    printed = run(*words)
    assert printed.returncode == 0, printed.stderr
    first, second, *_, last = printed.stdout.splitlines()
    assert first.startswith("A linear map from the features of net_small")
    assert "There is no upper bound" in second
    assert last == f"report: {out / 'report.html'}"
    again = run(*words, "--json")
    found = json.loads(again.stdout)["reconstruction"]
    assert [row["candidate"] for row in found["rows"]] == [f"{SMALL}@1", f"{SMALL}@1,2"] * 2
    assert found["rows"][0]["ratio"] is None


def test_mistakes(run, refused, image_folder, tmp_path):
    out = tmp_path / "run"
    refused(run(*command(image_folder, out, "--upper", LARGE)), "another model than the target")
    refused(run(*command(image_folder, out, "--cache", tmp_path)), "cache must not be given")
    refused(run(*command(tmp_path / "nowhere", out)), "does not exist")
    assert not out.exists()
