"""A LLaVA for feature maps that are there already, from whatever vision model they come."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import CLIPImageProcessor, CLIPVisionConfig, LlavaConfig, LlavaProcessor

from polyscale.data import Questions
from polyscale.features import MapSource
from polyscale.language.language_models import load_language_model
from polyscale.language.llava import add_image_token, assemble
from polyscale.language.prompts import IMAGE
from polyscale.language.scoring import Losses, Query, score_options
from polyscale.language.training.kept_features import KeptTower
from polyscale.types import Progress, silent

QUERIES_AT_ONCE = 8
"""Questions that are scored in one batch."""


def make_map_llava(
    *,
    channels: int,
    language: str | tuple[Any, Any],
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> tuple[Any, LlavaProcessor]:
    """A multimodal language model that is given feature maps, and its processor.

    The projector is LLaVA's own, new, and must be trained.

    Args:
        channels: of the maps.
        language: see `load_language_model`.
        dtype: of the weights.
        seed: of all weights that are new.

    Raises:
        InputError: if `language` names nothing that can be loaded.
        MissingExtraError: if a package is not installed.
        RunError: if weights cannot be fetched.
    """
    with torch.random.fork_rng([]):  # of the projector, and of the embedding of <image>
        torch.manual_seed(seed)
        llava, tokenizer = _assemble(channels, language, dtype)
    llava.model.vision_tower = KeptTower(llava.model.multi_modal_projector)
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessor(),
        tokenizer=tokenizer,
        patch_size=llava.config.vision_config.patch_size,
        image_token=IMAGE,
        chat_template=tokenizer.chat_template,
    )
    return llava, processor


def _assemble(channels: int, language: Any, dtype: torch.dtype) -> tuple[Any, Any]:
    """The model without what stands for its tower, and the tokenizer."""
    language_model, tokenizer = load_language_model(language, dtype=dtype)
    # of a tower, nothing but the width is ever read
    width = CLIPVisionConfig(hidden_size=channels, num_hidden_layers=1, num_attention_heads=1)
    config = LlavaConfig(
        vision_config=width,
        text_config=language_model.config,
        image_token_index=add_image_token(language_model, tokenizer),
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        tie_word_embeddings=bool(language_model.config.tie_word_embeddings),
    )
    return assemble(config, torch.nn.Identity(), language_model), tokenizer


def answer_losses(
    llava: Any,
    processor: Any,
    questions: Questions,
    maps: MapSource,
    *,
    step: str = "questions",
    progress: Progress = silent,
) -> list[Losses]:
    """The loss of every option of every question, see `score_options`.

    Args:
        llava: of `make_map_llava`.
        processor: of `make_map_llava`.
        questions: with at least two options each.
        maps: of all pictures of the questions (num_pictures, h, w, channels).
        step: how progress calls it.
        progress: told after every batch.
    """
    losses: list[Losses] = []
    total = len(questions)
    for start in range(0, total, QUERIES_AT_ONCE):
        progress(step, start, total, "questions")
        some = range(start, min(start + QUERIES_AT_ONCE, total))
        features = projected(llava, maps.take(questions.picture_of[some.start : some.stop]))
        queries = [
            Query(question=q.text, options=q.options, picture=picture)
            for q, picture in zip(
                questions.questions[some.start : some.stop], features, strict=True
            )
        ]
        losses += score_options(llava, processor, queries)
    progress(step, total, total, "questions")
    return losses


@torch.no_grad()
def projected(llava: Any, maps: NDArray[np.floating]) -> torch.Tensor:
    """Maps (num, h, w, channels) → what the language model is given (num, h · w, width)."""
    tokens = torch.from_numpy(maps).flatten(1, 2).to(llava.device, llava.dtype)
    features: torch.Tensor = llava.model.multi_modal_projector(tokens)
    return features
