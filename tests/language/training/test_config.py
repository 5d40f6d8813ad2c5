"""Settings and files of them."""

from itertools import pairwise

import pytest
import torch
from transformers import LlavaForConditionalGeneration

from polyscale.errors import InputError
from polyscale.language.training import LlavaTraining, train_from_config

OPTIONS = {"model": "m", "data": "needles", "out": "o"}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("stage", "all", "stage must be one of projector, lora, but got 'all'"),
        ("precision", "fp8", "must be one of fp32, bf16, fp16"),
        ("batch_size", 0, "batch_size must be a whole number of at least 1, but got 0"),
        ("max_steps", 1.5, "max_steps must be a whole number"),
        ("epochs", 0, "epochs must be a number above 0, but got 0"),
        ("epochs", float("inf"), "epochs must be a number above 0, but got inf"),
        ("learning_rate", -1, "learning_rate must be a number above 0"),
        ("weight_decay", -1, "weight_decay must be a number of at least 0"),
        ("warmup", 1.0, "warmup must be a number of at least 0 and below 1, but got 1.0"),
        ("lora_dropout", "a", "lora_dropout must be a number"),
        ("keep_adapter", 1, "keep_adapter must be True or False"),
        ("seed", -1, "seed must be a whole number of at least 0, but got -1"),
    ],
)
def test_every_setting_has_its_rule(name, value, message):
    with pytest.raises(InputError, match=message):
        LlavaTraining(**{name: value})
    with pytest.raises(InputError, match=message):
        train_from_config(OPTIONS | {name: value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modle": "m"}, "modle is not an option of a training. Did you mean 'model'?"),
        ({"data": "needles", "out": "o"}, "model of a training must be text, but got None"),
        (OPTIONS | {"images": 3}, "images of a training must be text, but got 3"),
        (OPTIONS | {"model": {"vision": "a"}}, "model must hold arguments of make_llava, but"),
        (OPTIONS | {"model": {"vision": 5, "language": "a"}}, "vision of model must be text, but"),
        (OPTIONS | {"model": "./nothing"}, "model folder './nothing' does not exist"),
    ],
)
def test_files_that_ask_for_something_else(options, message):
    with pytest.raises(InputError, match=message):
        train_from_config(options)


def test_stages_follow_each_other(llava, processor, llava_json, tmp_path):
    for each in (llava, processor):
        each.save_pretrained(tmp_path / "start")
    common = {"data": str(llava_json), "max_steps": 2, "batch_size": 2, "cache": str(tmp_path)}
    first = train_from_config(
        common | {"model": str(tmp_path / "start"), "out": str(tmp_path / "1")}
    )
    second = train_from_config(
        common
        | {"model": str(first.model), "out": str(tmp_path / "2"), "stage": "lora", "lora_rank": 2}
    )
    states = [
        LlavaForConditionalGeneration.from_pretrained(folder).state_dict()
        for folder in (tmp_path / "start", first.model, second.model)
    ]
    for name, moves in (("multi_modal_projector", [True, True]), ("layers.0.mlp", [False, True])):
        names = [key for key in states[0] if name in key and "vision" not in key]
        assert moves == [
            any(not torch.equal(before[key], after[key]) for key in names)
            for before, after in pairwise(states)
        ]
