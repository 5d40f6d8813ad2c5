"""One pass over what several texts begin with: they share the keys and values of its tokens."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache

Embeddings = Float[Tensor, "tokens width"]


def embed(
    model: Any, ids: Sequence[int], features: Embeddings | None, image_token_id: int
) -> Embeddings:
    """The embeddings of tokens, with the features of a picture where its token stands.

    Args:
        model: a `LlavaForConditionalGeneration`.
        ids: of the tokens, in which the image token stands once, or never without features.
        features: of the picture, as the projector gives them.
        image_token_id: what stands for all of them.
    """
    table = model.get_input_embeddings()
    words = table(torch.tensor(ids, dtype=torch.long, device=table.weight.device))
    if features is None:
        return words
    at = ids.index(image_token_id)
    return torch.cat([words[:at], features.to(words), words[at + 1 :]])


def hidden_after_prefixes(
    model: Any,
    prefixes: Sequence[Embeddings],
    continuations: Sequence[Sequence[Sequence[int]]],
) -> list[list[Float[Tensor, "length_plus_1 width"]]]:
    """What the language model makes of texts that share their beginnings.

    Each beginning runs once. Its keys and values are repeated for the texts that continue it, and
    these run as one batch, so nothing has to be copied or taken back.

    Args:
        model: a `LlavaForConditionalGeneration`, in evaluation mode.
        prefixes: embeddings of the beginnings.
        continuations: for each of them, the tokens of every text that follows it.

    Returns:
        For each beginning and each of its texts, the last hidden states after the beginning and
        after each token of the text.
    """
    cache = DynamicCache(config=model.config)
    embedded = pad_sequence(list(prefixes), batch_first=True, padding_side="left")
    known = [torch.ones(len(prefix), dtype=torch.long) for prefix in prefixes]
    mask = pad_sequence(known, batch_first=True, padding_side="left").to(embedded.device)
    before = _run(model, cache, embedded, mask)[:, -1]

    owner = torch.tensor([i for i, texts in enumerate(continuations) for _ in texts])
    texts = [torch.tensor(text, dtype=torch.long) for own in continuations for text in own]
    # padded on the right, where no token of a text can see what is padded
    ids = pad_sequence(texts, batch_first=True).to(embedded.device)
    owner = owner.to(embedded.device)
    cache.batch_select_indices(owner)
    mask = torch.cat([mask[owner], torch.ones_like(ids)], dim=1)
    after = _run(model, cache, model.get_input_embeddings()(ids), mask) if ids.shape[1] else ids
    rows = iter(
        torch.cat([before[i, None], states[: len(text)].to(before)])
        for i, text, states in zip(owner, texts, after, strict=True)
    )
    return [[next(rows) for _ in own] for own in continuations]


def _run(
    model: Any, cache: Any, embedded: Float[Tensor, "rows new width"], mask: Tensor
) -> Float[Tensor, "rows new width"]:
    """Last hidden states of new tokens; the cache grows by them, in place.

    Args:
        model: as above.
        cache: of the tokens before them.
        embedded: the new tokens.
        mask: 1 for every token that is not padded (rows, cached and new).
    """
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -embedded.shape[1] :]
    return model.model(
        inputs_embeds=embedded,
        attention_mask=mask,
        position_ids=positions,
        use_cache=True,
        **{_cache_argument(model): cache},
    ).last_hidden_state


def _cache_argument(model: Any) -> str:
    """What this release of transformers calls the cache."""
    known = inspect.signature(model.model.forward).parameters
    return "cache" if "cache" in known else "past_key_values"
