import json

import pytest
import torch

from polyscale.errors import InputError
from polyscale.language.original import merge_lora, original_name, pair_lora, read_original
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


def test_names_of_transformers_lead_back():
    pairs = {
        "model.language_model.layers.3.self_attn.q_proj.weight": "model.layers.3.self_attn.q_proj.weight",
        "model.multi_modal_projector.linear_2.bias": "model.mm_projector.2.bias",
        "lm_head.weight": "lm_head.weight",
    }
    assert {name: original_name(name) for name in pairs} == pairs


def test_merging_adds_the_product():
    weight, a, b = torch.randn(5, 7), torch.randn(2, 7), torch.randn(5, 2)
    change = torch.einsum("or,ri->oi", b, a)
    torch.testing.assert_close(merge_lora(weight, (a, b), 2.0), weight + 2 * change)


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("model.x.lora_A.weight", torch.zeros(2, 3), r"model.x.weight has no lora_B"),
        ("model.x.lora_A.weight", torch.zeros(3, 3), r"shape \[3, 3\] instead of rank 2"),
        ("model.embed", torch.zeros(3), "model.embed is no factor of LoRA"),
    ],
)
def test_factors_that_do_not_fit_are_named(name, tensor, message):
    with pytest.raises(InputError, match=message):
        pair_lora({name: tensor}, 2)


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
    (lora / "adapter_model.bin").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(InputError, match=r"adapter_model.bin must be a whole file"):
        read_original(lora)
    (lora / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config.json must be a whole file"):
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
    torch.save(
        content, lora / "non_lora_trainables.bin", _use_new_zipfile_serialization=zipped
    )
    with pytest.raises(InputError, match=r"non_lora_trainables.bin must be a whole file"):
        read_original(lora)
    assert not written.exists()


def test_an_index_names_files_beside_it(tmp_path):
    save_json(tmp_path, config=CONFIG)
    index = {"weight_map": {"model.x": "../other.bin"}}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="does not name files beside it"):
        read_original(tmp_path)
