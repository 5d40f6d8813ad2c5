"""The `config.json` of an original checkpoint → what transformers' LLaVA is built from."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from polyscale.errors import InputError
from polyscale.language.config import ImageMode
from polyscale.language.llava import VOCABULARY_STEP

NEEDED: Mapping[str, Any] = {
    "mm_projector_type": "mlp2x_gelu",
    "mm_vision_select_feature": "patch",
    "mm_use_im_start_end": False,
    "mm_use_im_patch_token": False,
    "mm_patch_merge_type": "flat",
}
"""Keys of an original `config.json` → the value that they have, unless they are missing."""

NOT_LANGUAGE = ("model_type", "architectures", "transformers_version", "dtype", "torch_dtype")
"""Of an original `config.json`: not handed on to the language model's."""

NEW_TOKENS = 2
"""For a picture and for padding."""

LANGUAGES = {"llava": "llama", "llava_llama": "llama", "llava_mistral": "mistral"}
"""`model_type` of a whole original → that of its language model."""


def sizes_of(config: Mapping[str, Any]) -> list[int] | None:
    """Sides of the scales in pixels; None for LLaVA without S²."""
    if not config.get("s2"):
        return None
    text = config.get("s2_scales")
    try:
        return sorted(int(size) for size in str(text).split(","))
    except ValueError as error:
        raise InputError(
            f"s2_scales must be sizes such as '336,672,1008', but config.json says {text!r}. "
            "Download it again."
        ) from error


def image_mode_of(config: Mapping[str, Any]) -> ImageMode:
    """What LLaVA's code does to pictures, where transformers' LLaVA can do the rest as well."""
    for key, needed in NEEDED.items():
        if config.get(key, needed) != needed:
            raise InputError(
                f"{key} must be {needed!r} for transformers' LLaVA, but config.json says "
                f"{config[key]!r}. Such a checkpoint cannot be converted."
            )
    aspect = config.get("image_aspect_ratio")
    if aspect in ("anyres", "anyres_max"):
        raise InputError(
            f"image_aspect_ratio must be of one picture, but config.json says {aspect!r}. That is "
            "LLaVA-NeXT, which cannot be converted."
        )
    return "pad" if aspect == "pad" else "crop"  # its code crops with any other name


def empty_language_model(
    config: Mapping[str, Any], tensors: Mapping[str, Tensor], num_tokens: int
) -> Any:
    """The language model without memory, with room for the tokens of pictures and padding."""
    kind = LANGUAGES.get(config.get("model_type", ""), config.get("model_type", ""))
    if kind not in CONFIG_MAPPING:
        raise InputError(
            f"model_type must be one that transformers knows, but config.json says {kind!r}. "
            "Give the folder of the language model as base."
        )
    known = CONFIG_MAPPING[kind]()
    language = type(known)(
        **{k: v for k, v in config.items() if hasattr(known, k) and k not in NOT_LANGUAGE}
    )
    rows = num_tokens + NEW_TOKENS
    if rows > language.vocab_size:
        language.vocab_size = -(-rows // VOCABULARY_STEP) * VOCABULARY_STEP
    embeddings = tensors.get("model.embed_tokens.weight", torch.empty(0))
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(language, dtype=embeddings.dtype)
