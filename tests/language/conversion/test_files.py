import json

import pytest
import torch
from tests.language.originals import (
    ADAPTER,
    ALPHA,
    CONFIG,
    RANK,
    WIDTH,
    adapter,
    projector,
    save_base,
    save_json,
)

from polyscale.errors import InputError
from polyscale.language.conversion.files import read_original


@pytest.fixture
def base(tmp_path):
    (tmp_path / "base").mkdir()
    return save_base(tmp_path / "base")


@pytest.fixture
def lora(tmp_path, base):
    folder = tmp_path / "lora"
    save_json(folder, config=CONFIG, adapter_config=ADAPTER)
    torch.save(adapter(base), folder / "adapter_model.bin")
    torch.save(projector(prefix="base_model.model.model.")[1], folder / "non_lora_trainables.bin")
    return folder


def test_lora(lora, base):
    original = read_original(lora)
    assert (original.kind, original.scaling) == ("lora", ALPHA / RANK)
    assert set(original.tensors) == set(projector()[1])
    weights = {name for name, t in base.state_dict().items() if "_proj" in name}
    assert set(original.lora) == weights
    a, b = original.lora["model.layers.1.mlp.down_proj.weight"]
    assert (a.shape, b.shape) == ((RANK, 48), (WIDTH, RANK))


def test_stage_1_and_full(tmp_path, base):
    save_json(tmp_path / "stage1", config=CONFIG)
    torch.save(projector()[1], tmp_path / "stage1" / "mm_projector.bin")
    assert read_original(tmp_path / "stage1").kind == "stage 1"
    save_json(tmp_path / "full", config=CONFIG)
    tensors = {**base.state_dict(), **projector()[1]}
    torch.save(tensors, tmp_path / "full" / "pytorch_model.bin")
    full = read_original(tmp_path / "full")
    assert full.kind == "full"
    assert full.tensors.keys() == tensors.keys()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"use_dora": True}, "plain LoRA, but adapter_config.json says use_dora True"),
        ({"peft_type": "IA3"}, "says peft_type 'IA3'"),
        ({"r": 0}, "r 0 and lora_alpha 8"),
    ],
)
def test_other_adapters_are_refused(lora, change, message):
    save_json(lora, adapter_config={**ADAPTER, **change})
    with pytest.raises(InputError, match=message):
        read_original(lora)


def test_a_folder_of_something_else(tmp_path, lora):
    with pytest.raises(InputError, match=r"must be LoRA .* has no model.safetensors or"):
        read_original(tmp_path)
    with pytest.raises(InputError, match="checkpoint must be a folder"):
        read_original(tmp_path / "missing")
    (lora / "non_lora_trainables.bin").unlink()
    with pytest.raises(InputError, match=r"has no non_lora_trainables.bin"):
        read_original(lora)


def test_damaged_files(lora):
    (lora / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config.json must be a whole file"):
        read_original(lora)
    (lora / "config.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match=r"config.json must be a whole file"):
        read_original(lora)
    for content in (b"", b"abc", b"\x80\x02h\x05."):
        (lora / "adapter_model.bin").write_bytes(content)
        with pytest.raises(InputError, match=r"adapter_model.bin must be a whole file"):
            read_original(lora)
    (lora / "adapter_model.bin").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(InputError, match=r"adapter_model.bin must be .* other than tensors\)"):
        read_original(lora)


class Evil:
    """Its pickle would write a file."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return (open, (str(self.file), "w"))


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_not_run(lora, tmp_path, zipped):
    written = tmp_path / "written"
    content = {"model.x": Evil(written)}
    torch.save(content, lora / "non_lora_trainables.bin", _use_new_zipfile_serialization=zipped)
    with pytest.raises(InputError, match=r"non_lora_trainables.bin must be a whole file"):
        read_original(lora)
    assert not written.exists()


def test_an_index_names_files_beside_it(tmp_path):
    save_json(tmp_path, config=CONFIG)
    index = {"weight_map": {"model.x": "../other.bin"}}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="does not name files beside it"):
        read_original(tmp_path)
