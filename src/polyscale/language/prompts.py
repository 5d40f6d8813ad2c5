"""Questions and answers → the text that a language model reads: one way for training and tests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from polyscale.errors import InputError

IMAGE = "<image>"
"""Stands in a question where the model sees a picture."""

VICUNA = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
    "helpful, detailed, and polite answers to the user's questions."
)
"""What LLaVA-1.5 begins with; used where neither processor nor tokenizer has a chat template."""


@dataclass(frozen=True)
class Turn:
    """A question, with `<image>` where each picture is, and its answer; None asks for one."""

    question: str
    answer: str | None = None


def prompt(processor: Any, question: str, *, num_images: int = 1) -> str:
    r"""The text up to where the model answers one question.

    Pictures stand before the question, unless it says with `<image>` where they are.

    Examples:
        >>> prompt(None, "What is this?")[-38:]
        'USER: <image>\nWhat is this? ASSISTANT:'
    """
    if IMAGE not in question:
        question = f"{IMAGE}\n" * num_images + question
    return render(processor, [Turn(question)])


def render(processor: Any, turns: Sequence[Turn]) -> str:
    """A conversation as text, by the chat template of the processor, or of its tokenizer.

    The last turn may lack its answer; the text then ends where the answer begins.

    Args:
        processor: a `LlavaProcessor`, or a tokenizer alone; None is LLaVA-1.5's own format.
        turns: in their order.

    Raises:
        InputError: if a turn before the last lacks its answer.
    """
    if any(turn.answer is None for turn in turns[:-1]):
        raise InputError("turns must have answers, except for the last. Add the answer.")
    tokenizer = getattr(processor, "tokenizer", processor)
    template = getattr(processor, "chat_template", None) or getattr(tokenizer, "chat_template", "")
    if template:
        return _by_template(tokenizer, template, turns, getattr(processor, "image_token", IMAGE))
    end = getattr(tokenizer, "eos_token", None) or "</s>"
    answers = ("" if turn.answer is None else f" {turn.answer}{end}" for turn in turns)
    asked = (f"USER: {turn.question} ASSISTANT:" for turn in turns)
    return f"{VICUNA} " + "".join(map("".join, zip(asked, answers, strict=True)))


def _by_template(tokenizer: Any, template: str, turns: Sequence[Turn], image_token: str) -> str:
    """Templates of language models take text. Those of LLaVA take lists, and leave text out.

    What a folder holds as a template of the processor may be one of its language model, so the
    place does not tell which of the two it is.
    """

    def write(content: Callable[[str], Any]) -> str:
        return tokenizer.apply_chat_template(
            _messages(turns, content),
            chat_template=template,
            add_generation_prompt=turns[-1].answer is None,
            tokenize=False,
        )

    def as_text(text: str) -> str:
        return text.replace(IMAGE, image_token).strip()

    text = write(as_text)
    return text if all(as_text(turn.question) in text for turn in turns) else write(_parts)


def _messages(turns: Sequence[Turn], content: Callable[[str], Any]) -> list[dict[str, Any]]:
    """Turns as messages of transformers."""
    messages = []
    for turn in turns:
        messages.append({"role": "user", "content": content(turn.question)})
        if turn.answer is not None:
            messages.append({"role": "assistant", "content": content(turn.answer)})
    return messages


def _parts(text: str) -> list[dict[str, str]]:
    r"""`"<image>\nWhat?"` → a picture and a text, as templates of processors want them."""
    parts: list[dict[str, str]] = []
    for number, piece in enumerate(text.split(IMAGE)):
        if number:
            parts.append({"type": "image"})
        if piece.strip():
            parts.append({"type": "text", "text": piece.strip()})
    return parts
