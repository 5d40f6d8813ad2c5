"""`make_llava`: a multimodal language model from a vision model and a language model."""

from collections.abc import Sequence
from typing import Any, get_args

import torch
from torch import nn
from transformers import (
    AddedToken,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedModel,
    TimmWrapperConfig,
    TimmWrapperModel,
)

from polyscale.checks import check_choice
from polyscale.errors import InputError, check_options
from polyscale.language.config import ImageMode, S2VisionConfig, backbone_facts
from polyscale.language.images import make_image_processor
from polyscale.language.language_models import load_language_model
from polyscale.language.processor import check_llava, make_processor, select_strategy
from polyscale.language.prompts import IMAGE
from polyscale.language.tower import S2VisionModel
from polyscale.operator.backbones import ModelBackbone, as_backbone
from polyscale.operator.backbones.blueprint import blueprint_of
from polyscale.types import Backbone

PADDING = "<pad>"

OPTIONS = ("antialias", "frozen", "merge", "operator", "skip_enlarged", "tile_size")
"""Fields of `S2VisionConfig` that `make_llava` hands on as they are."""

VOCABULARY_STEP = 64
"""Embeddings are enlarged to a multiple of it, as those of LLaVA are."""


def make_llava(
    *,
    vision: str | nn.Module | Backbone,
    language: str | tuple[Any, Any],
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
        language: the name or folder of a causal language model, `"pip:smollm2_135m"`, or a live
            model and its tokenizer. Both are changed: they learn the token `<image>`.
        scales: sizes relative to the vision model's own (default: (1, 2, 3)).
        sizes: the same in pixels, instead of scales.
        image_mode: what becomes of pictures that are not square, see `ImageMode`.
        vision_feature_layer: the hidden state that is read, or several, counted as LLaVA does. By
            default the one before the last, as in LLaVA; the output of a convolutional network.
        options: fields of `S2VisionConfig`: `merge`, `skip_enlarged`, `antialias`, `frozen`,
            `operator`, `tile_size`.

    Returns:
        The model, in evaluation mode, and the processor.

    Raises:
        InputError: if an argument breaks its rule, before the language model is loaded.
        MissingExtraError: if a package is not installed.
        RunError: if weights cannot be fetched.
    """
    check_choice("image_mode", image_mode, get_args(ImageMode))
    # the configuration would take any name
    check_options(options, OPTIONS, of="a tower")
    backbone = as_backbone(_source(vision))
    vision_model = _vision_model(backbone)
    config = S2VisionConfig(
        backbone_config=vision_model.config,
        scales=None if scales is None else list(scales),
        sizes=sizes,
        image_mode=image_mode,
        **{**options, **backbone_facts(vision_model, options.get("tile_size", 0))},
    )
    if isinstance(vision, str) and not config.frozen:
        vision_model.requires_grad_(True)
    tower = S2VisionModel(config, vision_model)
    if vision_feature_layer is None:
        vision_feature_layer = -1 if config.has_stages else -2
    tower.check_layers(vision_feature_layer)
    image_processor = make_image_processor(
        config, mean=_known(backbone, "mean"), std=_known(backbone, "std")
    )
    language_model, tokenizer = load_language_model(language)
    llava_config = LlavaConfig(
        vision_config=config,
        text_config=language_model.config,
        image_token_index=add_image_token(language_model, tokenizer),
        image_seq_length=config.grid_size**2,
        vision_feature_layer=vision_feature_layer,
        vision_feature_select_strategy=select_strategy(config),
        tie_word_embeddings=bool(language_model.config.tie_word_embeddings),
    )
    model = assemble(llava_config, tower, language_model)
    template = tokenizer.chat_template
    processor = make_processor(config, image_processor, tokenizer, chat_template=template)
    check_llava(model, processor)
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


def add_image_token(language_model: Any, tokenizer: Any) -> int:
    """The number of `<image>` in a vocabulary that has it afterwards, and a token for padding."""
    tokenizer.add_tokens(AddedToken(IMAGE, normalized=False, special=True), True)
    if tokenizer.pad_token is None:
        tokenizer.add_special_tokens({"pad_token": PADDING})
    tokenizer.padding_side = "left"  # as generating for a batch needs it
    language_model.config.pad_token_id = tokenizer.pad_token_id
    language_model.generation_config.pad_token_id = tokenizer.pad_token_id
    if len(tokenizer) > language_model.get_input_embeddings().num_embeddings:
        language_model.resize_token_embeddings(len(tokenizer), pad_to_multiple_of=VOCABULARY_STEP)
    return int(tokenizer.convert_tokens_to_ids(IMAGE))


def assemble(
    config: LlavaConfig, tower: nn.Module, language_model: Any
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
    model.generation_config = language_model.generation_config
    return model.eval()
