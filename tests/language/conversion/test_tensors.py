import pytest
import torch

from polyscale.errors import InputError
from polyscale.language.conversion.tensors import merge_lora, original_name, pair_lora


def test_names_of_transformers_lead_back():
    pairs = {
        "model.language_model.layers.3.mlp.up_proj.weight": "model.layers.3.mlp.up_proj.weight",
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
