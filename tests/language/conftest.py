"""Tiny models of transformers with random weights, and a tokenizer of a few words."""

import pytest
import torch
from PIL import Image

pytest.importorskip("transformers")

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)


@pytest.fixture
def tiny_clip():
    """Tiles of 32 px, 4×4 cells, 8 channels, 3 layers."""
    config = CLIPVisionConfig(
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
    )
    return CLIPVisionModel(config).eval()


@pytest.fixture
def tiny_timm():
    """A ViT of timm in transformers' wrapper; tiles of 32 px, 2×2 cells, 64 channels."""
    pytest.importorskip("timm")
    from transformers import TimmWrapperConfig, TimmWrapperModel

    config = TimmWrapperConfig(architecture="test_vit", model_args={"img_size": 32})
    return TimmWrapperModel(config).eval()


@pytest.fixture
def tiny_llama():
    config = LlamaConfig(
        vocab_size=16,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=1,
        eos_token_id=2,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture
def tiny_tokenizer():
    words = ["<unk>", "<s>", "</s>", "what", "is", "in", "the", "picture", "?", "a", "cat", "dog"]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )


@pytest.fixture
def tiny_llava(tiny_clip, tiny_llama, tiny_tokenizer):
    """`make_llava` around the tiny models, with mean and std of the images in the clip's place."""
    from polyscale.language import make_llava
    from polyscale.operator.backbones import ReadOptions, as_backbone

    def make(vision=None, **options):
        reading = ReadOptions(mean=(0.5,) * 3, std=(0.25,) * 3)
        vision = as_backbone(tiny_clip if vision is None else vision, reading)
        return make_llava(vision=vision, language=(tiny_llama, tiny_tokenizer), **options)

    return make


@pytest.fixture
def picture():
    """A ramp of colours, 3:2."""
    across, down = torch.linspace(0, 255, 96), torch.linspace(0, 255, 64)
    pixels = torch.stack(
        [across.expand(64, 96), down[:, None].expand(64, 96), torch.full((64, 96), 90.0)], dim=-1
    )
    return Image.fromarray(pixels.byte().numpy())
