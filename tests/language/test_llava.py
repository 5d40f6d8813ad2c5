import json
import subprocess
import sys

import pytest
import torch
from transformers import (
    AutoProcessor,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    Trainer,
    TrainingArguments,
)

from polyscale.errors import InputError
from polyscale.language import S2Processor, check_llava, make_llava

MODES = ("crop", "pad", "squash", "keep", "dynamic")
TEXTS = ["what is in <image> ?", "<image> a cat <image> a dog"]


def inputs_of(processor, picture, texts=TEXTS):
    """One picture in the first prompt, two of other aspects in the second."""
    pictures = [picture, picture.resize((40, 90)), picture.resize((64, 64))]
    return processor(images=pictures, text=texts, return_tensors="pt", padding=True)


@pytest.mark.parametrize("mode", MODES)
def test_it_answers_and_comes_back_from_a_folder(tiny_llava, picture, mode, tmp_path):
    model, processor = tiny_llava(scales=(1, 2), image_mode=mode)
    assert type(processor) is (LlavaProcessor if mode in MODES[:3] else S2Processor)
    inputs = inputs_of(processor, picture)
    output = model(**inputs, labels=inputs["input_ids"])
    assert torch.isfinite(output.loss)
    answer = model.generate(**inputs, max_new_tokens=3, do_sample=False)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    assert [path.suffix for path in tmp_path.glob("model*")] == [".safetensors"]
    loaded = LlavaForConditionalGeneration.from_pretrained(tmp_path)
    again = inputs_of(AutoProcessor.from_pretrained(tmp_path), picture)
    torch.testing.assert_close(again["pixel_values"], inputs["pixel_values"])
    torch.testing.assert_close(loaded(**again).logits, output.logits)
    assert torch.equal(loaded.generate(**again, max_new_tokens=3, do_sample=False), answer)


@pytest.mark.parametrize("mode", ["crop", "dynamic"])
def test_pictures_of_a_batch_do_not_see_each_other(tiny_llava, picture, mode):
    model, processor = tiny_llava(scales=(1, 2), image_mode=mode)
    both = inputs_of(processor, picture)
    alone = processor(images=[picture], text=TEXTS[:1], return_tensors="pt")
    num = alone["input_ids"].shape[1]
    together = model(**both).logits[0, -num:]  # after the padding on the left
    torch.testing.assert_close(together, model(**alone).logits[0], atol=1e-5, rtol=1e-4)


def test_a_picture_is_seen(tiny_llava, picture):
    model, processor = tiny_llava(scales=(1, 2))
    inputs = processor(images=[picture], text=TEXTS[:1], return_tensors="pt")
    other = {**inputs, "pixel_values": inputs["pixel_values"].flip(-1)}
    assert not torch.allclose(model(**inputs).logits[:, -1], model(**other).logits[:, -1])


@pytest.mark.parametrize("layers", [-2, 1, [-2, -1], [1, 3]])
def test_layers_reach_the_projector_in_their_order(tiny_llava, tiny_clip, picture, layers):
    model, processor = tiny_llava(scales=(1,), vision_feature_layer=layers)
    inputs = processor(images=[picture], text=TEXTS[:1], return_tensors="pt")
    states = tiny_clip(inputs["pixel_values"], output_hidden_states=True).hidden_states
    several = layers if isinstance(layers, list) else [layers]
    expected = torch.cat([states[layer][:, 1:] for layer in several], dim=-1)
    (features,) = model.get_image_features(inputs["pixel_values"]).pooler_output
    projected = model.model.multi_modal_projector(expected)[0]
    torch.testing.assert_close(features, projected, atol=1e-5, rtol=1e-4)


def test_all_hidden_states_may_be_asked_for(tiny_llava, picture):
    model, processor = tiny_llava(scales=(1, 2))
    inputs = processor(images=[picture], text=TEXTS[:1], return_tensors="pt")
    output = model(**inputs, output_hidden_states=True)
    torch.testing.assert_close(output.logits, model(**inputs).logits)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("frozen", [True, False])
def test_the_stock_trainer_trains_it(tiny_llava, picture, tmp_path, frozen, checkpointing):
    model, processor = tiny_llava(scales=(1, 2), frozen=frozen)
    row = processor(images=[picture], text=TEXTS[:1], return_tensors="pt")
    row = {name: value[0] for name, value in row.items()}
    row["labels"] = row["input_ids"].clone()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    arguments = TrainingArguments(
        tmp_path,
        max_steps=2,
        per_device_train_batch_size=2,
        learning_rate=1e-2,
        activation_checkpointing=checkpointing,
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
        save_strategy="no",
    )
    Trainer(model, arguments, train_dataset=[row] * 4).train()
    moved = {
        name.split(".")[1]
        for name, value in model.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert "multi_modal_projector" in moved
    assert ("vision_tower" in moved) == (not frozen)


def test_half_precision_where_there_is_room(tiny_llava, picture, tmp_path):
    model, processor = tiny_llava(scales=(1, 2))
    model.save_pretrained(tmp_path)
    loaded = LlavaForConditionalGeneration.from_pretrained(
        tmp_path, dtype=torch.bfloat16, device_map="auto"
    )
    inputs = inputs_of(processor, picture).to(loaded.device)
    logits = loaded(**inputs).logits
    assert logits.dtype == torch.bfloat16
    torch.testing.assert_close(logits.float().cpu(), model(**inputs).logits, atol=0.1, rtol=0.1)


@torch.no_grad()
def test_a_tower_whose_weights_wait_on_a_disk(tiny_llava, picture, tmp_path):
    model, processor = tiny_llava(scales=(1, 2))
    model.save_pretrained(tmp_path)
    rest = ("model.language_model", "model.multi_modal_projector", "lm_head")
    loaded = LlavaForConditionalGeneration.from_pretrained(
        tmp_path,
        device_map={"model.vision_tower": "disk", **dict.fromkeys(rest, "cpu")},
        offload_folder=tmp_path / "offloaded",
    )
    assert all(parameter.is_meta for parameter in loaded.model.vision_tower.parameters())
    inputs = inputs_of(processor, picture)
    torch.testing.assert_close(loaded(**inputs).logits, model(**inputs).logits)


def test_a_fresh_process_needs_the_import_and_says_so(tiny_llava, tmp_path):
    model, _ = tiny_llava(scales=(1, 2))
    model.save_pretrained(tmp_path)
    load = (
        "from transformers import LlavaForConditionalGeneration as Llava;"
        f"Llava.from_pretrained({str(tmp_path)!r})"
    )
    results = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        for code in (load, f"import polyscale.language; {load}")
    ]
    assert [result.returncode for result in results] == [1, 0]
    assert "import polyscale.language" in results[0].stderr.strip().splitlines()[-1]


def test_embeddings_grow_only_where_they_must(tiny_llava, tiny_tokenizer):
    model, processor = tiny_llava(scales=(1,))
    assert processor.tokenizer.convert_tokens_to_ids("<image>") == model.config.image_token_id
    assert model.get_input_embeddings().num_embeddings == 16  # 12 words and two more
    assert processor.tokenizer.pad_token_id == model.generation_config.pad_token_id


def test_a_larger_vocabulary_is_rounded_up(tiny_clip, tiny_llama, tiny_tokenizer, tiny_llava):
    tiny_tokenizer.add_tokens([f"word{i}" for i in range(5)])
    model, _ = tiny_llava(scales=(1,))
    assert model.get_input_embeddings().num_embeddings == 64
    assert model.lm_head.out_features == 64


@pytest.mark.weights
@pytest.mark.parametrize("name", ["efficientnet_lite0", "dinov2_small"])
def test_weights_of_packages_become_towers(tiny_llama, tiny_tokenizer, picture, name, tmp_path):
    from polyscale import wrap

    model, processor = make_llava(
        vision=f"pip:{name}", language=(tiny_llama, tiny_tokenizer), scales=(1, 2)
    )
    tower = model.model.vision_tower
    pixels = processor.image_processor([picture], return_tensors="pt")["pixel_values"]
    expected = wrap(f"pip:{name}", (1, 2))(pixels).tokens
    torch.testing.assert_close(tower(pixels).last_hidden_state, expected)
    model.save_pretrained(tmp_path)
    loaded = LlavaForConditionalGeneration.from_pretrained(tmp_path).model.vision_tower
    torch.testing.assert_close(loaded(pixels).last_hidden_state, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_mode": "resize"}, "image_mode must be one of crop, pad, squash, keep, dynamic"),
        ({"image_mod": "crop"}, "image_mod is not an option of a tower"),
        ({"vision_feature_layer": 7}, "vision_feature_layer must be from 1 to 3"),
        ({"scales": (1,), "sizes": (32,)}, "give either scales or sizes"),
    ],
)
def test_bad_choices_are_refused_before_the_language_model_is_loaded(tiny_clip, options, message):
    from polyscale.operator.backbones import ReadOptions, as_backbone

    vision = as_backbone(tiny_clip, ReadOptions(mean=(0.5,) * 3, std=(0.25,) * 3))
    with pytest.raises(InputError, match=message):
        make_llava(vision=vision, language="/no/such/folder", **options)


def test_a_model_without_mean_and_std_is_refused(tiny_clip, tiny_llama, tiny_tokenizer):
    with pytest.raises(InputError, match="the mean of hf:.* must be known"):
        make_llava(vision=tiny_clip, language=(tiny_llama, tiny_tokenizer))


def test_a_model_of_no_library_is_refused(tiny_backbone, tiny_llama, tiny_tokenizer):
    with pytest.raises(InputError, match="vision must be a model of transformers or timm"):
        make_llava(vision=tiny_backbone(), language=(tiny_llama, tiny_tokenizer))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("patch_size", 14),
        ("num_additional_image_tokens", 0),
        ("vision_feature_select_strategy", "full"),
        ("image_token_id", 3),
    ],
)
def test_a_processor_that_counts_other_tokens_is_refused(tiny_llava, name, value):
    model, processor = tiny_llava(scales=(1, 2))
    check_llava(model, processor)
    setattr(processor, name, value)
    with pytest.raises(InputError, match=f"{name} of the processor must be .* but is {value}"):
        check_llava(model, processor)


def test_a_projector_of_another_width_is_refused(tiny_llava):
    model, processor = tiny_llava(scales=(1, 2))
    model.model.multi_modal_projector.linear_1 = torch.nn.Linear(8, 16)
    with pytest.raises(InputError, match="the projector must take 16 channels .* but takes 8"):
        check_llava(model, processor)


def test_a_strategy_that_would_drop_a_cell_is_refused(tiny_llava):
    model, processor = tiny_llava(scales=(1, 2), image_mode="keep")
    model.config.vision_feature_select_strategy = "default"
    processor.vision_feature_select_strategy = "default"
    with pytest.raises(InputError, match="vision_feature_select_strategy must be 'full'"):
        check_llava(model, processor)


def test_the_full_strategy_keeps_the_class_token(tiny_llava, picture):
    model, processor = tiny_llava(scales=(1, 2))
    model.config.vision_feature_select_strategy = "full"
    processor.vision_feature_select_strategy = "full"
    check_llava(model, processor)
    inputs = processor(images=[picture], text=TEXTS[:1], return_tensors="pt")
    assert (inputs["input_ids"] == model.config.image_token_id).sum() == 1 + 16
    model(**inputs)


def test_the_files_name_no_code(tiny_llava, tmp_path):
    model, _ = tiny_llava(scales=(1, 2))
    model.save_pretrained(tmp_path)
    assert "auto_map" not in json.loads((tmp_path / "config.json").read_text())
