"""Small checkpoints with the names and the layout of LLaVA's own code."""

import json
from functools import cache
from io import BytesIO

import sentencepiece
import torch
import transformers as hf
from torch import nn

WIDTH, VOCABULARY, RANK, ALPHA = 32, 40, 4, 8
TILE, PATCH, CHANNELS = 28, 14, 24
CONFIG = {
    "architectures": ["LlavaLlamaForCausalLM"],
    "model_type": "llava",
    "mm_vision_tower": "openai/clip-vit-large-patch14-336",
    "mm_projector_type": "mlp2x_gelu",
    "mm_vision_select_layer": -2,
    "mm_vision_select_feature": "patch",
    "mm_use_im_start_end": False,
    "mm_use_im_patch_token": False,
    "mm_patch_merge_type": "flat",
    "image_aspect_ratio": "resize",
    "mm_hidden_size": 3 * CHANNELS,
    "s2": True,
    "s2_scales": f"{TILE},{2 * TILE},{3 * TILE}",
}
ADAPTER = {
    "peft_type": "LORA",
    "r": RANK,
    "lora_alpha": ALPHA,
    "lora_dropout": 0.05,
    "bias": "none",
    "fan_in_fan_out": False,
    "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    "task_type": "CAUSAL_LM",
}


def language_config():
    return hf.LlamaConfig(
        hidden_size=WIDTH,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        vocab_size=VOCABULARY,
    )


@cache
def sentencepiece_model():
    """Some pieces of words."""
    written = BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["what is this cup on the table ?", "a cup of tea, a spoon"] * 20),
        model_writer=written,
        model_type="bpe",
        vocab_size=VOCABULARY,
        minloglevel=2,
    )
    return written.getvalue()


def save_tokenizer(folder):
    """As Vicuna has it."""
    (folder / "tokenizer.model").write_bytes(sentencepiece_model())
    about = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "pad_token": "<unk>"}
    save_json(folder, tokenizer_config={**about, "legacy": False, "model_max_length": 4096})


def save_base(folder):
    """A language model in two parts as Vicuna's, with the constants of old checkpoints."""
    model = hf.LlamaForCausalLM(language_config())
    model.config.save_pretrained(folder)
    save_tokenizer(folder)
    tensors = dict(model.state_dict())
    for number in range(2):
        tensors[f"model.layers.{number}.self_attn.rotary_emb.inv_freq"] = torch.ones(4)
    names = sorted(tensors)
    files = {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = f"pytorch_model-0000{number}-of-00002.bin"
        torch.save({name: tensors[name].clone() for name in part}, folder / file)
        files |= dict.fromkeys(part, file)
    index = {"metadata": {"total_size": 1}, "weight_map": files}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    return model


def save_vision(folder):
    """Images and texts, as the folders of CLIP hold."""
    layers = {"num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
    vision = {"hidden_size": CHANNELS, "image_size": TILE, "patch_size": PATCH, **layers}
    text = {"hidden_size": 16, "vocab_size": 20, "eos_token_id": 2, "bos_token_id": 1, **layers}
    model = hf.CLIPModel(hf.CLIPConfig(vision_config=vision, text_config=text, projection_dim=8))
    model.save_pretrained(folder)
    size = {"size": {"shortest_edge": TILE}, "crop_size": {"height": TILE, "width": TILE}}
    hf.CLIPImageProcessor(**size).save_pretrained(folder)
    return model.vision_model


def projector(inputs=3 * CHANNELS, prefix="model."):
    """`mlp2x_gelu` by its original names."""
    layers = nn.Sequential(nn.Linear(inputs, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))
    names = {f"{prefix}mm_projector.{name}": t for name, t in layers.state_dict().items()}
    return layers, names


def adapter(model):
    """Factors for all linear layers of the language model, by peft's names."""
    tensors = {}
    for name, layer in model.model.named_modules(prefix="model"):
        if isinstance(layer, nn.Linear):
            rows, columns = layer.weight.shape
            start = f"base_model.model.{name}"
            tensors[f"{start}.lora_A.weight"] = torch.randn(RANK, columns) / 8
            tensors[f"{start}.lora_B.weight"] = torch.randn(rows, RANK) / 8
    return tensors


def save_json(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
