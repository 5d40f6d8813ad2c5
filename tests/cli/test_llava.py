import pytest
import torch
import transformers as hf
from PIL import Image
from tests.language.originals import CONFIG, projector, save_base, save_json, save_vision


@pytest.fixture
def folders(tmp_path):
    for name in ("base", "vision", "stage1"):
        (tmp_path / name).mkdir()
    save_base(tmp_path / "base")
    save_vision(tmp_path / "vision")
    save_json(tmp_path / "stage1", config=CONFIG)
    torch.save(projector()[1], tmp_path / "stage1" / "mm_projector.bin")
    names = {"checkpoint": "stage1", "base": "base", "vision": "vision", "out": "out"}
    return {name: tmp_path / folder for name, folder in names.items()}


def arguments(folders, **changes):
    given = {**folders, **changes}
    return [part for name, value in given.items() for part in (f"--{name}", value) if value]


def test_convert_writes_a_folder(folders, run):
    result = run("llava", "convert", *arguments(folders))
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"{folders['out']}: import polyscale.language")
    assert hf.LlavaForConditionalGeneration.from_pretrained(folders["out"]).num_parameters() > 0


def test_mistakes_are_one_line(folders, run, refused):
    out = folders["out"]
    result = run("llava", "convert", *arguments(folders, base=None))
    refused(result, "base must be the folder of the language model")
    result = run("llava", "convert", *arguments(folders, checkpoint=folders["vision"]))
    refused(result, "checkpoint must hold the tensors of its model", "belongs to nothing")
    result = run("llava", "convert", *arguments(folders, out=folders["base"]))
    refused(result, "out must be a new folder")
    assert not out.exists()


@pytest.fixture
def training(folders, run, tmp_path):
    """A file that trains a converted model on one picture."""
    assert run("llava", "convert", *arguments(folders)).returncode == 0
    Image.new("RGB", (40, 30), (200, 0, 0)).save(tmp_path / "a.png")
    turns = [{"from": "human", "value": "<image>\nColour?"}, {"from": "gpt", "value": "Red."}]
    save_json(tmp_path, data=[{"id": "a", "image": "a.png", "conversations": turns}] * 3)
    lines = {
        "model": str(folders["out"]),
        "data": str(tmp_path / "data.json"),
        "out": str(tmp_path / "trained"),
        "cache": str(tmp_path / "features"),
    }
    file = tmp_path / "train.toml"
    text = "".join(f"{name} = {value!r}\n" for name, value in lines.items())
    file.write_text(text + "batch_size = 1\ncache_features = true\n")
    return file


def test_train_writes_a_folder_and_reads_it_again(training, run, tmp_path):
    first = run("llava", "train", training)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith(f"{tmp_path / 'trained' / 'model'}: trained in 3 steps, loss")
    assert "training: 3 of 3 steps, loss" in first.stderr
    hf.LlavaForConditionalGeneration.from_pretrained(tmp_path / "trained" / "model")
    again = run("llava", "train", training)
    assert again.stdout == first.stdout
    assert "training:" not in again.stderr


def test_mistakes_in_a_training_are_one_line(training, run, refused, tmp_path):
    assert run("llava", "train", training).returncode == 0
    text = training.read_text()
    training.write_text(text + "seed = 1\n")
    refused(run("llava", "train", training), "holds another: seed is 0 there and 1 here")
    training.write_text(text + "sead = 1\n")
    refused(run("llava", "train", training), "sead is not an option", "Did you mean 'seed'?")
    training.write_text(text + "=")
    refused(run("llava", "train", training), "must be a TOML file", "llava train --help shows one")
    training.write_text(text)
    (tmp_path / "a.png").unlink()
    refused(run("llava", "train", training), "'a.png' is not there (1 of 1 are missing)")
