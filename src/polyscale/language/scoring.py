"""Which option a multimodal model prefers as the answer to a question about a picture.

Two protocols, whose numbers must never stand in one table:

- *likelihood* (V* bench's own): options are not shown. Each is the assistant's turn, and its loss
  is the mean negative log-likelihood of its tokens, the end of the turn included.
- *letters*: options are listed as A., B., … and the loss is that of the letter alone. Every option
  stands at every position once, because models prefer some letters whatever stands there.

The smallest loss wins. Where several are equally small, nothing is preferred: the first option of
V* bench is the right one, so that taking the first would favour a model that cannot tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from string import ascii_uppercase
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from polyscale.errors import InputError
from polyscale.language.prefixes import embed, hidden_after_prefixes
from polyscale.language.prompts import IMAGE, prompt
from polyscale.language.tokens import shared_length, token_ids, turn_text
from polyscale.operator.backbones.dry_run import dry_run

LETTERS_REQUEST = "Answer with the option's letter from the given choices directly."
"""The last line of a prompt that lists options, as LLaVA-1.5 was trained and is judged."""

Losses = tuple[float, ...]
"""One for each option, in the order in which options were given; smaller is better."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Query:
    """A question with options.

    Attributes:
        question: what is asked, without the options.
        options: at least two different answers.
        picture: that is asked about; or its features as `image_features` gives them, so that
            several questions need one pass over it; or None, for a model that must answer blind.
    """

    question: str
    options: Sequence[str]
    picture: Image.Image | Float[Tensor, "tokens width"] | None = None

    def __post_init__(self) -> None:
        options, most = list(self.options), len(ascii_uppercase)
        asked = f"the question {self.question!r}"
        if isinstance(self.options, str) or not 2 <= len(set(options)) == len(options) <= most:
            raise InputError(
                f"options must be 2 to {most} different answers, but got {self.options!r} for "
                f"{asked}. Correct them."
            )
        if not all(option.strip() for option in options):
            raise InputError(f"options must hold text, but one for {asked} is empty. Correct it.")
        if any(IMAGE in text for text in (self.question, *options)):
            raise InputError(
                f"question and options must not hold {IMAGE!r}, but {asked} does. Leave it out: "
                "it is added before the question where there is a picture."
            )


def score_options(model: Any, processor: Any, queries: Sequence[Query]) -> list[Losses]:
    """The loss of every option as the assistant's turn: the protocol *likelihood*.

    Picture and prompt of a question run once, whatever the number of options.

    Args:
        model: a `LlavaForConditionalGeneration` of transformers, with or without PEFT's layers.
        processor: its `LlavaProcessor`. Without a chat template, the prompt of LLaVA-1.5 is used.
        queries: run as one batch.

    Returns:
        For each query its losses: mean negative log-likelihood per token in nats.
    """
    whole = [
        [_ids(processor, query, query.question, option) for option in query.options]
        for query in queries
    ]
    prompts = [_ids(processor, query, query.question) for query in queries]
    starts = [shared_length([p, *turns]) for p, turns in zip(prompts, whole, strict=True)]
    ends = [[turn[start:] for turn in turns] for turns, start in zip(whole, starts, strict=True)]
    prefixes = [prompt[:start] for prompt, start in zip(prompts, starts, strict=True)]
    # the last token of an option is predicted, but never read
    read = [[tokens[:-1] for tokens in own] for own in ends]
    states = _hidden(model, processor, queries, prefixes, read)
    return [
        tuple(map(partial(_mean_loss, model), rows, tokens))
        for rows, tokens in zip(states, ends, strict=True)
    ]


def score_letters(model: Any, processor: Any, queries: Sequence[Query]) -> list[tuple[Losses, ...]]:
    """The loss of the letter of every option, for each rotation: the protocol *letters*.

    Picture and question run once for all rotations, of which there are as many as options. The
    arguments are those of `score_options`.

    Returns:
        For each query and rotation the losses of its options, in the order of `Query.options`:
        negative log-likelihoods of single tokens in nats.

    Raises:
        InputError: if the tokenizer gives two letters the same token.
    """
    lists = [[_rotated(query, by) for by in range(len(query.options))] for query in queries]
    asked = [
        [_before_letter(processor, query, text) for text in texts]
        for query, texts in zip(queries, lists, strict=True)
    ]
    shared = [shared_length([context for context, _ in own]) for own in asked]
    prefixes = [own[0][0][:start] for own, start in zip(asked, shared, strict=True)]
    rest = [[c[start:] for c, _ in own] for own, start in zip(asked, shared, strict=True)]
    states = _hidden(model, processor, queries, prefixes, rest)
    return [
        tuple(
            _letter_losses(model, after[-1], letters, by)
            for by, (after, (_, letters)) in enumerate(zip(rows, own, strict=True))
        )
        for rows, own in zip(states, asked, strict=True)
    ]


@torch.no_grad()
def image_features(
    model: Any, processor: Any, pictures: Sequence[Image.Image]
) -> list[Float[Tensor, "tokens width"]]:
    """What the language model is given of each picture: one pass of the tower and the projector."""
    if not pictures:
        return []
    each = [processor.image_processor(images=one, return_tensors="pt") for one in pictures]
    shapes = {tuple(inputs["pixel_values"].shape) for inputs in each}
    if len(shapes) == 1 and "image_sizes" not in each[0]:  # else each has its own number of tokens
        each = [{"pixel_values": torch.cat([inputs["pixel_values"] for inputs in each])}]
    with dry_run(model):
        return [features for inputs in each for features in _features_of(model, inputs)]


def _features_of(model: Any, inputs: Any) -> list[Tensor]:
    taken = {key: inputs[key] for key in ("pixel_values", "image_sizes") if key in inputs}
    taken["pixel_values"] = taken["pixel_values"].to(model.device, model.dtype)
    return list(model.get_image_features(**taken, return_dict=True).pooler_output)


def _ids(processor: Any, query: Query, question: str, answer: str | None = None) -> list[int]:
    """The tokens of a prompt, or of a whole turn; a picture is one of them."""
    if query.picture is not None:
        question = f"{IMAGE}\n{question}"
    if answer is None:
        return token_ids(processor, prompt(processor, question, num_images=0))
    return token_ids(processor, turn_text(processor, question, answer))


def _rotated(query: Query, by: int) -> str:
    """The question with a list of its options, in which option i is at position i + by."""
    num = len(query.options)
    lines = [
        f"{letter}. {query.options[(place - by) % num]}"
        for place, letter in enumerate(ascii_uppercase[:num])
    ]
    return "\n".join([query.question, *lines, LETTERS_REQUEST])


def _before_letter(processor: Any, query: Query, text: str) -> tuple[list[int], list[int]]:
    """What stands before the letter of an answer, and the token of each letter."""
    letters = ascii_uppercase[: len(query.options)]
    turns = [_ids(processor, query, text, letter) for letter in letters]
    start = min(shared_length(turns), min(map(len, turns)) - 1)
    tokens = [turn[start] for turn in turns]
    if len(set(tokens)) < len(tokens):
        raise InputError(
            f"processor must have a token for each of the letters {', '.join(letters)}, but its "
            "tokenizer gives two of them the same. Choose the protocol likelihood."
        )
    return turns[0][:start], tokens


def _hidden(
    model: Any,
    processor: Any,
    queries: Sequence[Query],
    prefixes: Sequence[Sequence[int]],
    texts: Sequence[Sequence[Sequence[int]]],
) -> list[list[Float[Tensor, "length_plus_1 width"]]]:
    """Last hidden states after each query's beginning, and along each text that follows it."""
    bare = _without_peft(model)
    seen = [query.picture for query in queries]
    images = [picture for picture in seen if isinstance(picture, Image.Image)]
    made = iter(image_features(bare, processor, images))
    features = [next(made) if isinstance(p, Image.Image) else p for p in seen]
    with dry_run(bare):
        embedded = [
            embed(bare, ids, of_picture, processor.image_token_id)
            for ids, of_picture in zip(prefixes, features, strict=True)
        ]
        return hidden_after_prefixes(bare, embedded, texts)


def _without_peft(model: Any) -> Any:
    """The model of transformers itself: PEFT's layers are in it, its outer class is not needed."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


@torch.no_grad()
def _mean_loss(model: Any, states: Float[Tensor, "tokens width"], tokens: Sequence[int]) -> float:
    log_p = _log_probabilities(model, states)
    wanted = torch.tensor(tokens, device=log_p.device)
    return -log_p.gather(1, wanted[:, None]).mean().item()


@torch.no_grad()
def _letter_losses(
    model: Any, state: Float[Tensor, " width"], letters: Sequence[int], by: int
) -> Losses:
    """By option, whose letters were moved `by` positions."""
    log_p = _log_probabilities(model, state)
    num = len(letters)
    return tuple(-log_p[letters[(option + by) % num]].item() for option in range(num))


def _log_probabilities(model: Any, states: Tensor) -> Tensor:
    """Of the next token after each state, in float32 (..., vocabulary)."""
    return model.get_output_embeddings()(states).float().log_softmax(dim=-1)
