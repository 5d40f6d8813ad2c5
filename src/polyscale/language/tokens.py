"""The tokens of a prompt and of an answer to it."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from polyscale.errors import InputError
from polyscale.language.prompts import Turn, render


def turn_text(processor: Any, question: str, answer: str) -> str:
    """A question and its answer, up to and including the token that ends the assistant's turn.

    Where a template writes no such token, the tokenizer's end token stands there, as LLaVA-1.5 was
    trained. What a template writes after it, such as a new line, is left out.

    Args:
        processor: a `LlavaProcessor`.
        question: with `<image>` where the picture is.
        answer: what the assistant says.
    """
    return conversation_text(processor, [Turn(question, answer)])


def conversation_text(processor: Any, turns: Sequence[Turn]) -> str:
    """Several turns, all answered; see `turn_text`."""
    tokenizer = processor.tokenizer
    text = render(processor, turns).rstrip()
    special = [str(t) for t in tokenizer.added_tokens_decoder.values() if t.special]
    return text if text.endswith(tuple(special)) else text + (tokenizer.eos_token or "")


def token_ids(processor: Any, text: str) -> list[int]:
    """The tokens of a text, begun by the tokenizer's first token unless the text says it itself.

    A picture is one token.
    """
    return list(_tokenise(processor, text)["input_ids"])


def token_starts(processor: Any, text: str) -> list[int]:
    """The character of the text at which each of its `token_ids` begins; -1 for added tokens.

    Raises:
        InputError: if the tokenizer cannot tell.
    """
    if not processor.tokenizer.is_fast:
        raise InputError(
            "tokenizer must be a fast one to find the answers among its tokens, but got "
            f"{type(processor.tokenizer).__name__}. Load it with AutoTokenizer."
        )
    spans = _tokenise(processor, text, return_offsets_mapping=True)["offset_mapping"]
    return [start if stop > start else -1 for start, stop in spans]


def shared_length(sequences: Sequence[Sequence[int]]) -> int:
    """How many tokens all sequences have in common at their beginning.

    >>> shared_length([[1, 2, 3], [1, 2, 4, 5]])
    2
    """
    columns = zip(*sequences, strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def _tokenise(processor: Any, text: str, **options: Any) -> Any:
    tokenizer = processor.tokenizer
    begun = tokenizer.bos_token is not None and text.startswith(tokenizer.bos_token)
    return tokenizer(text, add_special_tokens=not begun, **options)
