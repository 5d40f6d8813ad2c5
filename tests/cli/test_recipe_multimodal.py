"""`polyscale recipe run llava-7b`, on tiny models and data of the same layout."""

import json

import numpy as np
import pytest
from PIL import Image
from tests.language.originals import save_base, save_vision
from tests.studies.vstar.questions import write_questions

from polyscale.studies.recipes import MULTIMODAL

RECIPE = MULTIMODAL["llava-7b"]


@pytest.fixture
def weights(tmp_path):
    folders = [tmp_path / "weights" / c.folder for c in (RECIPE.language, *RECIPE.checkpoints)]
    for folder, save in zip(folders, (save_base, save_vision), strict=True):
        folder.mkdir(parents=True)
        save(folder)
    return tmp_path / "weights"


def write_conversations(file, images, names):
    """One conversation about each picture, and one about none."""
    rows = []
    for number, name in enumerate([*names, None]):
        question = "what is this ?" if name is None else "<image>\nwhat is this ?"
        said = [{"from": "human", "value": question}, {"from": "gpt", "value": "a cup of tea"}]
        rows.append({"id": str(number), "conversations": said} | ({"image": name} if name else {}))
        if name:
            path = images / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(number).integers(0, 256, (40, 60, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path)
    file.write_text(json.dumps(rows))


@pytest.fixture
def data(tmp_path):
    root = tmp_path / "data"
    one, two = RECIPE.stages
    (root / one.images).mkdir(parents=True)
    write_conversations(root / one.conversations, root / one.images, ["00/a.jpg", "00/b.jpg"])
    write_conversations(root / two.conversations, root, ["coco/train2017/c.jpg", "gqa/d.jpg"])
    write_questions(root / "vstar_bench", num=4)
    return root


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # of peft
def test_both_stages_and_vstar(data, weights, run, tmp_path):
    out = tmp_path / "out"
    command = ("recipe", "run", "llava-7b", "--data", f"llava:{data}", "--out", out)
    command += ("--weights-dir", weights, "--device", "cpu", "--steps", 1)
    first = run(*command, columns=200)
    assert first.returncode == 0, first.stderr
    table = [line for line in first.stdout.splitlines() if "patch14-336@" in line]
    for line, arm in zip(table, RECIPE.arms, strict=True):
        there, paper, position, paper_position = map(float, line.split()[1:])
        assert (paper, paper_position) == tuple(arm.published.values())[:2]
        assert {there, position} <= {0.0, 50.0, 100.0}
    (single, several) = sorted(folder for folder in out.iterdir() if folder.is_dir())
    assert several.name == "clip-vit-large-patch14-336@1,2,3"
    config = json.loads((several / "stage-2" / "model" / "config.json").read_text())
    assert config["vision_config"]["scales"] == [1, 2, 3]
    assert config["vision_config"]["image_mode"] == "crop"
    files = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    again = run(*command, columns=200)
    assert again.stdout == first.stdout
    assert files == {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    assert "vstar compare" in first.stdout
    page = ("--out", tmp_path / "page.html")
    result = run("vstar", "compare", single / "vstar", several / "vstar", *page)
    assert result.returncode == 0, result.stderr


def test_dry_starts_nothing(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("recipe", "run", "llava-13b", "--dry", columns=200)
    assert result.returncode == 0, result.stderr
    for word in ("2,673.4", "5,198", "vicuna-13b-v1.5", "7.5 TMACs"):
        assert word in result.stdout
    assert not list(tmp_path.iterdir())


def test_mistakes(data, weights, run, tmp_path, refused):
    out = tmp_path / "out"

    def check(*arguments, words):
        given = dict(zip(arguments[::2], arguments[1::2], strict=True))
        wanted = {"--data": f"llava:{data}", "--out": out, "--weights-dir": weights, **given}
        result = run("recipe", "run", "llava-7b", *(p for pair in wanted.items() for p in pair))
        refused(result, *words)
        assert not (out / "clip-vit-large-patch14-336@1").exists()

    check("--data", f"imagenet:{data}", words=["must be llava:PATH", "recipe show llava-7b"])
    check("--per-class", 5, words=["per-class must not be given for llava-7b"])
    check("--steps", 0, words=["max_steps must be"])
    check("--dtype", "int8", words=["fp32, bf16"])
    (data / RECIPE.stages[1].conversations).rename(tmp_path / "away.json")
    check(words=["has no llava_v1_5_mix665k.json"])
    (tmp_path / "away.json").rename(data / RECIPE.stages[1].conversations)
    (weights / "vicuna-7b-v1.5").rename(tmp_path / "vicuna")
    check(words=["weights-dir must hold", "has no vicuna-7b-v1.5"])
    (tmp_path / "vicuna").rename(weights / "vicuna-7b-v1.5")
    out.mkdir()
    (out / "other").touch()
    check(words=["out must be a new folder", "holds other files"])
    (out / "recipe.json").write_text(json.dumps({"recipe": "llava-13b"}))
    check(words=["holds another run (it differs in recipe and"])
