"""`make_llava`: a multimodal language model from a vision model and a language model."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import (
    AddedToken,
    AutoModelForCausalLM,
    AutoTokenizer,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedModel,
    TimmWrapperConfig,
    TimmWrapperModel,
)

from polyscale.errors import InputError
from polyscale.language.config import ImageMode, S2VisionConfig
from polyscale.language.images import make_image_processor
from polyscale.language.tower import S2VisionModel
from polyscale.operator.backbones import ModelBackbone, as_backbone
from polyscale.operator.backbones.blueprint import blueprint_of
from polyscale.types import Backbone

IMAGE_TOKEN, PAD_TOKEN = "<image>", "<pad>"

VOCABULARY_STEP = 64
"""Embeddings are enlarged to a multiple of it, as those of LLaVA are."""


def make_llava(
    *,
    vision: str | nn.Module | Backbone,
    language: str | PreTrainedModel,
    tokenizer: Any = None,
    scales: Sequence[float] | None = None,
    sizes: Sequence[int] | None = None,
    image_mode: ImageMode = "crop",
    vision_feature_layer: int | list[int] | None = None,
    **options: Any,
) -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """A multimodal language model whose vision tower runs over several scales, and its processor.

    Both are classes of transformers. Vision and language model have the weights that they are
    given with; the projector between them is new and must be trained.

    Args:
        vision: a source such as `"pip:efficientnet_lite0"`, a name on the Hugging Face hub or a
            local folder, a live model of transformers or timm, or a `Backbone`.
        language: the same of a causal language model, or `"pip:smollm2_135m"`.
        tokenizer: of a live language model.
        scales: sizes relative to the vision model's own (default: (1, 2, 3)).
        sizes: the same in pixels, instead of scales.
        image_mode: what becomes of pictures that are not square, see `ImageMode`.
        vision_feature_layer: the hidden state that is read, or several, counted as LLaVA does. By
            default the one before the last, as in LLaVA; the output of a convolutional network.
        options: other fields of `S2VisionConfig`.

    Returns:
        The model, in evaluation mode, and the processor.

    Raises:
        InputError: if an argument breaks its rule, before the language model is loaded.
        MissingExtraError: if a package is not installed.
        RunError: if weights cannot be fetched.
    """
    backbone = as_backbone(_source(vision))
    vision_model = _vision_model(backbone)
    config = S2VisionConfig(
        backbone_config=vision_model.config,
        scales=None if scales is None else list(scales),
        sizes=sizes,
        image_mode=image_mode,
        **options,
    )
    tower = S2VisionModel(config, vision_model)
    if vision_feature_layer is None:
        vision_feature_layer = -1 if config.has_stages else -2
    tower.check_layers(vision_feature_layer)
    image_processor = make_image_processor(
        config, mean=_known(backbone, "mean"), std=_known(backbone, "std")
    )
    language_model, tokenizer = _language_model(language, tokenizer)
    image_token_id = _add_image_token(language_model, tokenizer)
    strategy = "default" if config.has_class_token else "full"
    llava_config = LlavaConfig(
        vision_config=config,
        text_config=language_model.config,
        image_token_index=image_token_id,
        image_seq_length=config.grid_size**2,
        vision_feature_layer=vision_feature_layer,
        vision_feature_select_strategy=strategy,
        tie_word_embeddings=bool(language_model.config.tie_word_embeddings),
    )
    model = _assemble(llava_config, tower, language_model)
    processor = LlavaProcessor(
        image_processor=image_processor,
        tokenizer=tokenizer,
        patch_size=config.patch_size,
        vision_feature_select_strategy=strategy,
        image_token=IMAGE_TOKEN,
        num_additional_image_tokens=int(config.has_class_token),
        chat_template=tokenizer.chat_template,
    )
    return model, processor


def _source(vision: Any) -> Any:
    """A name without a scheme is one of the Hugging Face hub, or a folder."""
    if isinstance(vision, str) and ":" not in vision:
        return f"hf:{vision}"
    return vision


def _vision_model(backbone: Backbone) -> Any:
    """The vision model as one of transformers, timm's within their wrapper."""
    model = getattr(backbone, "model", None)
    if isinstance(model, PreTrainedModel):
        return model
    blueprint = blueprint_of(backbone)["model"] if isinstance(backbone, ModelBackbone) else None
    if blueprint is None or blueprint["library"] != "timm":
        raise InputError(
            f"vision must be a model of transformers or timm, but {backbone.name} is neither. "
            "Build it as a TimmWrapperModel or another PreTrainedModel."
        )
    arguments = {k: v for k, v in blueprint["arguments"].items() if v is not None}
    arguments.pop("num_classes", None)
    config = TimmWrapperConfig(
        architecture=blueprint["architecture"],
        model_args=arguments,
        pretrained_cfg=blueprint["data"],
        do_pooling=False,
    )
    with torch.device("meta"):
        wrapper = TimmWrapperModel(config)
    wrapper.timm_model = model
    return wrapper


def _known(backbone: Backbone, name: str) -> tuple[float, ...]:
    values: tuple[float, ...] | None = getattr(backbone, name)
    if values is None:
        raise InputError(
            f"the {name} of {backbone.name} must be known to prepare pictures, but cannot be read "
            "from it. Give a backbone of polyscale.load, or a folder with an image processor."
        )
    return values


def _language_model(language: Any, tokenizer: Any) -> tuple[Any, Any]:
    if isinstance(language, str):
        model = AutoModelForCausalLM.from_pretrained(language, trust_remote_code=False)
        return model, AutoTokenizer.from_pretrained(language, trust_remote_code=False)
    if tokenizer is None:
        raise InputError(
            "tokenizer must be given for a live language model, but got None. "
            "Example: tokenizer=AutoTokenizer.from_pretrained(FOLDER)"
        )
    return language, tokenizer


def _add_image_token(language_model: Any, tokenizer: Any) -> int:
    """The number of `<image>`, which has one afterwards, as a token for padding has."""
    tokenizer.add_tokens(AddedToken(IMAGE_TOKEN, normalized=False, special=True), True)
    if tokenizer.pad_token is None:
        tokenizer.add_special_tokens({"pad_token": PAD_TOKEN})
    if len(tokenizer) > language_model.get_input_embeddings().num_embeddings:
        language_model.resize_token_embeddings(len(tokenizer), pad_to_multiple_of=VOCABULARY_STEP)
    return int(tokenizer.convert_tokens_to_ids(IMAGE_TOKEN))


def _assemble(
    config: LlavaConfig, tower: S2VisionModel, language_model: Any
) -> LlavaForConditionalGeneration:
    """Living parts in a model that was built without memory, and a new projector."""
    with torch.device("meta"):
        model = LlavaForConditionalGeneration(config)
    head = language_model.get_output_embeddings()
    model.model.vision_tower, model.lm_head = tower, head
    model.model.language_model = language_model.base_model
    projector = model.model.multi_modal_projector
    projector.to_empty(device=head.weight.device).to(head.weight.dtype)
    projector.apply(model._init_weights)
    model.tie_weights()
    if language_model.can_generate():
        model.generation_config = language_model.generation_config
    return model.eval()
