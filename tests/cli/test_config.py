"""Options from a file, the file that each run writes, and the same command given again."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from tests.tiny_study import CANDIDATES, make_models, use_models

from polyscale.cli import repeat
from polyscale.cli.config import read_config
from polyscale.operator.backbones import sources
from polyscale.tasks import given_options, loadable_tasks, make_settings
from polyscale.tasks.maps import MapSettings


@pytest.fixture
def again(run, image_folder, tmp_path, monkeypatch):
    """Runs a small comparison whose weights are a file, as often as it is called."""
    use_models(monkeypatch, make_models(), resamples=500)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").write_bytes(b"1")
    monkeypatch.setattr(sources, "place_of_weights", lambda source: tmp_path / "weights")

    def again(*options, out="out"):
        data = ("--data", f"folder:{image_folder}", "--dtype", "fp32", "--cache", "cache")
        given = () if "--config" in options else (*data, "--candidates", *CANDIDATES)
        return run("compare", "--out", out, *options, *given)

    return again


def settings_of_tasks():
    """Each task with its default settings, and with every option that has a plain choice."""
    for task in loadable_tasks():
        settings = task.settings_type()
        yield task, settings
        yield task, replace(settings, seed=7, margin=0.02, tile_batch=8, source="base")
        if isinstance(settings, MapSettings):
            dense = replace(settings, grid=(4, 6), seeds=2).with_views(windows="slide", flip=True)
            yield task, dense.with_steps(20)
            yield task, replace(settings, augment=settings.default_augment)


def test_settings_can_be_written_as_options():
    for task, settings in settings_of_tasks():
        options = given_options(settings)
        assert make_settings(type(settings), options, task=task.name) == settings


@pytest.mark.usefixtures("no_charts")
def test_a_run_writes_the_file_that_repeats_it(again, tmp_path, refused):
    first = again("--seed", "3", "--json")
    assert first.returncode == 0, first.stderr
    config = read_config(tmp_path / "out" / "compare.toml")
    assert config["candidates"] == CANDIDATES
    assert (config["seed"], config["dtype"], config["task"]) == (3, "fp32", "classification")
    rows = json.loads(first.stdout)["results"]
    assert [row["candidate"] for row in rows] == CANDIDATES

    second = again("--config", "out/compare.toml", "--cache", "cache", "-q", out="second")
    assert second.stderr == ""
    assert "report: " in second.stdout
    other = json.loads((tmp_path / "second" / "results.json").read_text())
    assert [row["value"] for row in other] == [row["value"] for row in rows]
    assert other[0]["settings"]["seed"] == 3
    third = again("--config", "out/compare.toml", "--seed", "4", out="out")
    refused(third, "it differs in", "seed")  # what is typed comes before the file


@pytest.mark.usefixtures("no_charts")
def test_the_same_command_is_known_again_unless_anything_changed(again, tmp_path, image_folder):
    known = repeat.repeated_run
    words = ["--out", "out", "--data", f"folder:{image_folder}", "--dtype", "fp32"]
    words += ["--cache", "cache", "--candidates", *CANDIDATES]
    assert known(words) is None
    assert again().returncode == 0
    assert str(known(words)[0]) == "out"
    assert "already there" in again().stderr
    assert json.loads(again("--json").stdout)["results"]
    assert again("-q").stderr == ""
    assert known([*words, "--seed", "1"]) is None
    (tmp_path / "weights").write_bytes(b"2")
    assert known(words) is None
    assert "already there" in again().stderr  # the weights that were loaded are the same
    keep = json.loads((tmp_path / "out" / "command.json").read_text())
    record = repeat.command_record(keep["words"], [image_folder, tmp_path / "weights"])
    (tmp_path / "out" / "command.json").write_text(json.dumps({**keep, **record}))
    assert str(known(words)[0]) == "out"
    (image_folder / "fine" / "0.png").touch()
    assert known(words) is None


def test_links_in_a_circle_are_entered_once(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "back").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "a" / "file").touch()
    record = repeat.command_record([], [tmp_path])
    assert record == repeat.command_record(["-q"], [tmp_path])


def test_a_command_is_looked_up_without_torch(tmp_path):
    code = (
        "import sys; from polyscale.cli.repeat import repeated_run\n"
        f"repeated_run(['--out', {str(tmp_path)!r}]); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("data = ", ["config must be a TOML file", "Invalid value"]),
        ('dato = "rooms"', ["config must hold options", "'dato'", "Did you mean 'data'"]),
        ("[data]\nname = 1", ["data of", "must be one value"]),
        ('seed = "three"', []),
    ],
)
def test_wrong_files(text, words, run, tmp_path, refused):
    (tmp_path / "wrong.toml").write_text(text)
    result = run("compare", "--config", tmp_path / "wrong.toml", "--out", tmp_path / "out")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    if words:
        refused(result, *words)


def test_a_file_that_is_missing(run, tmp_path, refused):
    result = run("compare", "--config", tmp_path / "none.toml", "--out", tmp_path / "out")
    refused(result, "config must be a TOML file", "No such file")
