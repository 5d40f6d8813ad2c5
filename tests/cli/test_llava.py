import pytest
import torch
import transformers as hf
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
