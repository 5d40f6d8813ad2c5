"""Conversations → sequences of tokens, in which those about the same picture share its tokens.

A sequence is a beginning and perhaps branches. A branch sees the beginning and itself, at the
positions that it would have alone, so each token gets what it would get in a sequence of its own.
Questions about one picture begin alike, and most of that beginning is the picture.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypedDict

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from polyscale.errors import InputError
from polyscale.language.prompts import Turn, render
from polyscale.language.tokens import conversation_text, shared_length, token_ids, token_starts
from polyscale.language.training.conversations import Conversation

IGNORED = -100
"""Target of a token after which nothing is learned: what PyTorch's loss leaves out."""

MIXED = 50
"""Batches among whose sequences those of similar length are put together."""

Tokens = Int[np.ndarray, " tokens"]


class TokenSequence(TypedDict):
    """Tokens that go through the model at once; in each, a picture is one token.

    Attributes:
        ids: of the tokens.
        targets: the token that should follow each, or IGNORED.
        branch: 0 in the beginning, 1, 2, … in the branches.
        pictures: indices of the pictures, in the order of their tokens.
    """

    ids: Tokens
    targets: Tokens
    branch: Tokens
    pictures: tuple[int, ...]


def encode(processor: Any, conversation: Conversation, *, max_tokens: int) -> TokenSequence:
    """The tokens of a conversation. Those of answers are targets, and the ends of their turns.

    Args:
        processor: a `LlavaProcessor` with a fast tokenizer.
        conversation: to encode.
        max_tokens: what is longer is cut at the end.

    Raises:
        InputError: if its answers cannot be found in what the chat template makes of it, or are
            all cut off.
    """
    turns = conversation.turns
    text = conversation_text(processor, turns)
    ids = np.array(token_ids(processor, text), dtype=np.int64)
    starts = np.array(token_starts(processor, text))
    targets = np.full(len(ids), IGNORED)
    for start, stop in _answers(processor, turns, text, conversation.name):
        said = np.flatnonzero((starts >= start) & (starts < stop))
        targets[said - 1] = ids[said]
    ids, targets = ids[:max_tokens], targets[:max_tokens]
    if (targets == IGNORED).all():
        raise InputError(
            f"max_tokens must leave an answer of conversation {conversation.name!r}, but with "
            f"{max_tokens} none is left. Raise it, or take the conversation out."
        )
    return {
        "ids": ids,
        "targets": targets,
        "branch": np.zeros_like(ids),
        "pictures": conversation.pictures,
    }


def share_pictures(
    sequences: Sequence[TokenSequence], questions: int, image_token_id: int
) -> list[TokenSequence]:
    """Sequences about the same pictures as branches of one, at most so many together.

    Those that begin alike are put together, as they have most in common.
    """
    by_pictures: dict[tuple[int, ...], list[TokenSequence]] = {}
    for sequence in sorted(sequences, key=lambda each: each["ids"].tolist()):
        by_pictures.setdefault(sequence["pictures"], []).append(sequence)
    return [
        merged
        for pictures, group in by_pictures.items()
        for start in range(0, len(group), questions if pictures else 1)
        for merged in _merge(group[start : start + (questions if pictures else 1)], image_token_id)
    ]


def order_batches(
    lengths: Sequence[int], *, batch_size: int, epochs: float, seed: int
) -> NDArray[np.int64]:
    """The order in which sequences are seen: at random, with similar lengths in a batch.

    Args:
        lengths: of the sequences.
        batch_size: sequences of a batch.
        epochs: times that each is seen; a part of one is allowed.
        seed: of the order.

    Returns:
        Indices of sequences (num_seen,), one batch after the other.
    """
    generator = np.random.default_rng(seed)
    num_seen = max(1, round(epochs * len(lengths)))
    rounds = [generator.permutation(len(lengths)) for _ in range(-(-num_seen // len(lengths)))]
    order = np.concatenate(rounds)[:num_seen]
    size = MIXED * batch_size
    return np.concatenate(
        [
            _by_length(order[start : start + size], lengths, batch_size, generator)
            for start in range(0, num_seen, size)
        ]
    )


def _by_length(
    chunk: NDArray[np.int64],
    lengths: Sequence[int],
    batch_size: int,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """The chunk as batches of similar lengths in random order; a part of a batch comes last."""
    chunk = chunk[np.argsort([lengths[i] for i in chunk], kind="stable")]
    whole = len(chunk) // batch_size * batch_size
    batches = generator.permutation(chunk[:whole].reshape(-1, batch_size), axis=0)
    return np.concatenate([batches.reshape(-1), chunk[whole:]])


def _answers(
    processor: Any, turns: Sequence[Turn], text: str, name: str
) -> Iterator[tuple[int, int]]:
    """The characters of each answer and of the end of its turn."""
    for number, turn in enumerate(turns):
        before = render(processor, [*turns[:number], Turn(turn.question)])
        after = render(processor, turns[: number + 1]).rstrip()
        is_last = number == len(turns) - 1
        if not (text.startswith(before) and text.startswith(after)) or len(after) <= len(before):
            raise InputError(
                "chat template must write a conversation in the order in which it is spoken, but "
                f"that of {name!r} is written otherwise. Use another template."
            )
        yield len(before), len(text) if is_last else len(after)


def _merge(group: Sequence[TokenSequence], image_token_id: int) -> list[TokenSequence]:
    """Sequences that begin alike as branches of one, where their pictures are in the beginning."""
    first_targets = (int(np.argmax(each["targets"] != IGNORED)) for each in group)
    shared = min(shared_length([each["ids"].tolist() for each in group]), *first_targets)
    beginning = group[0]["ids"][:shared]
    if len(group) == 1 or (beginning == image_token_id).sum() < len(group[0]["pictures"]):
        return list(group)
    ends = [(each["ids"][shared:], each["targets"][shared:]) for each in group]
    branches = [np.full(len(ids), number) for number, (ids, _) in enumerate(ends, start=1)]
    return [
        {
            "ids": np.concatenate([beginning, *(ids for ids, _ in ends)]),
            "targets": np.concatenate(
                [np.full(shared, IGNORED), *(targets for _, targets in ends)]
            ),
            "branch": np.concatenate([np.zeros(shared, np.int64), *branches]),
            "pictures": group[0]["pictures"],
        }
    ]
