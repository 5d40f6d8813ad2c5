"""Original checkpoints → transformers, beside a model that is put together by hand."""

import shutil
from collections import namedtuple

import numpy as np
import peft
import pytest
import torch
import transformers as hf
from PIL import Image
from s2wrapper import forward as s2_forward
from safetensors.torch import load_file, save_file
from tests.language.originals import (
    ADAPTER,
    CONFIG,
    TILE,
    VOCABULARY,
    adapter,
    projector,
    save_base,
    save_json,
    save_tokenizer,
    save_vision,
)

from polyscale.errors import InputError, RunError
from polyscale.language import S2VisionConfig, convert_llava
from polyscale.language.conversion.tensors import (
    check_tensors,
    finish_tensor,
    original_name,
    pair_lora,
    plain_names,
)

Parts = namedtuple("Parts", "base vision language tower")


@pytest.fixture
def parts(tmp_path):
    for name in ("base", "vision"):
        (tmp_path / name).mkdir()
    base, vision = tmp_path / "base", tmp_path / "vision"
    return Parts(base, vision, save_base(base), save_vision(vision))


@pytest.fixture
def lora(tmp_path, parts):
    folder = tmp_path / "lora"
    save_json(folder, config=CONFIG, adapter_config=ADAPTER)
    save_file(adapter(parts.language), folder / "adapter_model.safetensors")
    named = projector(prefix="base_model.model.model.")[1]
    torch.save(named, folder / "non_lora_trainables.bin")
    return folder


def read(folder):
    model, found = hf.LlavaForConditionalGeneration.from_pretrained(
        folder, output_loading_info=True
    )
    assert not any(found.values())
    return model.eval(), hf.AutoProcessor.from_pretrained(folder)


def ask(processor):
    pixels = np.random.default_rng(0).integers(0, 255, (90, 130, 3), dtype=np.uint8)
    return processor(
        images=Image.fromarray(pixels), text="USER: <image>\nwhat is this ?", return_tensors="pt"
    )


def by_hand(inputs, language, tower, layers):
    """Logits of the original's way: LLaVA's tower, projector, and image tokens put in."""
    pixels = inputs["pixel_values"]

    def features(images):
        return tower(images, output_hidden_states=True).hidden_states[-2][:, 1:]

    sizes = [int(size) for size in CONFIG["s2_scales"].split(",")]
    image = layers(s2_forward(features, pixels, img_sizes=sizes, max_split_size=TILE))
    is_image = inputs["input_ids"] == inputs["input_ids"].max()
    embeddings = language.get_input_embeddings()(inputs["input_ids"].masked_fill(is_image, 0))
    embeddings[is_image] = image.flatten(0, 1)
    return language(inputs_embeds=embeddings).logits


def layers_of(tensors):
    layers, _ = projector()
    layers.load_state_dict({k.removeprefix("model.mm_projector."): v for k, v in tensors.items()})
    return layers


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # of peft
@torch.no_grad()
def test_lora_answers_like_the_model_merged_by_peft(parts, lora, tmp_path):
    convert_llava(lora, base=parts.base, vision=parts.vision, out=tmp_path / "out")
    model, processor = read(tmp_path / "out")
    inputs = ask(processor)
    merged = peft.PeftModel.from_pretrained(parts.language, lora).merge_and_unload()
    named = plain_names(torch.load(lora / "non_lora_trainables.bin", weights_only=True))
    expected = by_hand(inputs, merged, parts.tower, layers_of(named))
    found = model(**inputs).logits
    torch.testing.assert_close(found[..., :VOCABULARY], expected, atol=1e-5, rtol=1e-4)
    # the rows for new tokens never win
    assert (found.argmax(-1) < VOCABULARY).all()


@torch.no_grad()
def test_stage_1_and_full_checkpoints(parts, tmp_path):
    layers, named = projector()
    stage_1, full = tmp_path / "stage-1", tmp_path / "full"
    save_json(stage_1, config=CONFIG)
    torch.save(named, stage_1 / "mm_projector.bin")
    convert_llava(stage_1, base=parts.base, vision=parts.vision, out=tmp_path / "one")
    save_json(full, config={**parts.language.config.to_dict(), **CONFIG})
    save_tokenizer(full)
    save_file({**parts.language.state_dict(), **named}, full / "model.safetensors")
    convert_llava(full, vision=parts.vision, out=tmp_path / "two")
    for name in ("one", "two"):
        model, processor = read(tmp_path / name)
        inputs = ask(processor)
        expected = by_hand(inputs, parts.language, parts.tower, layers)
        torch.testing.assert_close(
            model(**inputs).logits[..., :VOCABULARY], expected, atol=1e-5, rtol=1e-4
        )
        assert not any("mm_" in key for key in model.config.text_config.to_dict())


def test_a_tower_that_was_trained_as_well(parts, lora, tmp_path):
    file = lora / "non_lora_trainables.bin"
    tensors = torch.load(file, weights_only=True)
    name, start = "encoder.layers.0.mlp.fc1.bias", "base_model.model.model.vision_tower"
    tensors[f"{start}.vision_tower.vision_model.{name}"] = torch.ones(32)
    torch.save(tensors, file)
    convert_llava(lora, base=parts.base, vision=parts.vision, out=tmp_path / "out")
    weights = load_file(tmp_path / "out" / "model.safetensors")
    assert (weights[f"model.vision_tower.backbone.{name}"] == 1).all()


def test_several_files(parts, lora, tmp_path, monkeypatch):
    monkeypatch.setattr("polyscale.language.conversion.convert.PART", "20KB")
    steps = []
    convert_llava(
        lora,
        base=parts.base,
        vision=parts.vision,
        out=tmp_path / "out",
        progress=lambda step, done, total, unit, note="": steps.append((done, total)),
    )
    files = sorted(path.name for path in (tmp_path / "out").glob("*.safetensors"))
    assert len(files) == steps[-1][0] == steps[-1][1] > 2
    read(tmp_path / "out")


def test_halves_stay_halves(parts, lora, tmp_path):
    for file in parts.base.glob("*.bin"):
        tensors = torch.load(file, weights_only=True)
        torch.save({name: t.half() for name, t in tensors.items()}, file)
    convert_llava(lora, base=parts.base, vision=parts.vision, out=tmp_path / "out")
    weights = load_file(tmp_path / "out" / "model.safetensors")
    assert {t.dtype for t in weights.values()} == {torch.float16}
    model, _ = read(tmp_path / "out")
    assert model.dtype == torch.float16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mm_projector_type": "linear"}, "mm_projector_type must be 'mlp2x_gelu'"),
        ({"mm_use_im_start_end": True}, "mm_use_im_start_end must be False"),
        ({"image_aspect_ratio": "anyres"}, "says 'anyres'. That is LLaVA-NeXT"),
        ({"s2_scales": "large"}, "s2_scales must be sizes"),
        ({"s2_scales": "28,56"}, r"model.mm_projector.0.weight \[32, 72\] instead of \[32, 48\]"),
    ],
)
def test_other_models_are_refused(parts, lora, tmp_path, change, message):
    save_json(lora, config={**CONFIG, **change})
    with pytest.raises(InputError, match=message):
        convert_llava(lora, base=parts.base, vision=parts.vision, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def edit(file, **changes):
    tensors = {**torch.load(file, weights_only=True), **changes}
    torch.save({name: t for name, t in tensors.items() if t is not None}, file)


def test_missing_extra_and_other_tensors_are_named(parts, lora, tmp_path):
    start = "base_model.model.model.mm_projector"
    changes = {f"{start}.2.bias": None, f"{start}.4.bias": torch.ones(2)}
    edit(lora / "non_lora_trainables.bin", **changes)
    factors = load_file(lora / "adapter_model.safetensors")
    name = "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"
    save_file({**factors, name: torch.ones(4, 5)}, lora / "adapter_model.safetensors")
    message = (
        r"is without model.mm_projector.2.bias; it has what belongs to nothing: "
        r"model.mm_projector.4.bias; it has other shapes: LoRA of "
        r"model.layers.0.mlp.up_proj.weight \[48, 5\] instead of \[48, 32\]"
    )
    with pytest.raises(InputError, match=message):
        convert_llava(lora, base=parts.base, vision=parts.vision, out=tmp_path / "out")


def test_folders_that_are_wrong(parts, lora, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(InputError, match="base must be the folder of the language model"):
        convert_llava(lora, vision=parts.vision, out=out)
    with pytest.raises(InputError, match="vision must be a folder"):
        convert_llava(lora, base=parts.base, vision=tmp_path / "none", out=out)
    shutil.copytree(parts.vision, out)
    with pytest.raises(InputError, match="out must be a new folder"):
        convert_llava(lora, base=parts.base, vision=parts.vision, out=out)
    (parts.base / "tokenizer.model").unlink()
    with pytest.raises(InputError, match="base must be a model as transformers saves it"):
        convert_llava(lora, base=parts.base, vision=parts.vision, out=tmp_path / "new")


def test_a_full_disk(parts, lora, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 1000))
        with pytest.raises(RunError, match="needs 0.0 GB, but only 0.0 GB are free"):
            convert_llava(lora, base=parts.base, vision=parts.vision, out=tmp_path / "out")

    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("polyscale.language.conversion.convert.save_file", refuse)
    with pytest.raises(RunError, match=r"cannot be written .*No space left"):
        convert_llava(lora, base=parts.base, vision=parts.vision, out=tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"base", "vision", "lora"}


LARGE = {
    "7B": {"hidden_size": 4096, "intermediate_size": 11008, "layers": 32, "heads": 32},
    "13B": {"hidden_size": 5120, "intermediate_size": 13824, "layers": 40, "heads": 40},
}


@pytest.mark.parametrize("name", LARGE)
def test_all_tensors_of_the_published_sizes(name):
    """Vicuna, CLIP-L/14-336 and the released checkpoints, on the meta device."""
    size = LARGE[name]
    width, inner = size["hidden_size"], size["intermediate_size"]
    clip = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24}
    clip = hf.CLIPVisionConfig(num_attention_heads=16, patch_size=14, image_size=336, **clip)
    language = hf.LlamaConfig(
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=size["layers"],
        num_attention_heads=size["heads"],
        vocab_size=32064,
    )
    tower = S2VisionConfig(backbone_config=clip, sizes=[336, 672, 1008], antialias=False)
    with torch.device("meta"):
        config = hf.LlavaConfig(vision_config=tower, text_config=language)
        expected = hf.LlavaForConditionalGeneration(config).half().state_dict()
        vision = hf.CLIPVisionModel(clip).state_dict()
        prefix = "model.vision_tower.vision_tower.vision_model."
        found = {prefix + key: tensor for key, tensor in vision.items()}
        found |= {
            "model.embed_tokens.weight": torch.empty(32000, width),
            "model.norm.weight": torch.empty(width),
            "lm_head.weight": torch.empty(32000, width),
            "model.mm_projector.0.weight": torch.empty(width, 3072),
            "model.mm_projector.0.bias": torch.empty(width),
            "model.mm_projector.2.weight": torch.empty(width, width),
            "model.mm_projector.2.bias": torch.empty(width),
        }
        factors = {}
        for number in range(size["layers"]):
            start = f"model.layers.{number}"
            found[f"{start}.input_layernorm.weight"] = torch.empty(width)
            found[f"{start}.post_attention_layernorm.weight"] = torch.empty(width)
            shapes = {f"self_attn.{letter}_proj": (width, width) for letter in "qkvo"}
            shapes |= {f"mlp.{part}_proj": (inner, width) for part in ("gate", "up")}
            for key, (rows, columns) in {**shapes, "mlp.down_proj": (width, inner)}.items():
                found[f"{start}.{key}.weight"] = torch.empty(rows, columns)
                peft_name = f"base_model.model.{start}.{key}"
                factors[f"{peft_name}.lora_A.weight"] = torch.empty(128, columns)
                factors[f"{peft_name}.lora_B.weight"] = torch.empty(rows, 128)
    lora = pair_lora(plain_names(factors), 128)
    check_tensors(found, expected, lora)
    made = {
        key: finish_tensor(key, like, tensors=found, lora=lora, scaling=2.0)
        for key, like in expected.items()
    }
    assert all((t.shape, t.dtype) == (expected[k].shape, torch.float16) for k, t in made.items())
    assert {original_name(key) for key in made} == found.keys()
    assert len(lora) == 7 * size["layers"]
