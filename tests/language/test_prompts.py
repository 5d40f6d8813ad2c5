import pytest
from tests.language.tiny_llava import CHATML, LISTS, tiny_processor
from transformers import LlavaProcessor

from polyscale.errors import InputError
from polyscale.language.prompts import VICUNA, Turn, prompt, render
from polyscale.language.tokens import shared_length, token_ids, turn_text

EXPECTED = {
    "vicuna": f"{VICUNA} USER: <image>\nWhat? ASSISTANT:",
    "chatml": "<|im_start|>user\n<image>\nWhat?<|im_end|>\n<|im_start|>assistant\n",
    "lists": "USER: <image>\nWhat? ASSISTANT:",
}
PROCESSORS = {
    "vicuna": {},
    "chatml": {"chat_template": CHATML},
    "lists": {"processor_template": LISTS},
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_a_prompt_survives_saving(tmp_path, kind):
    """A saved processor takes over the template of its tokenizer, which knows no lists."""
    processor = tiny_processor(**PROCESSORS[kind])
    assert prompt(processor, "What?") == EXPECTED[kind]
    processor.save_pretrained(tmp_path)
    assert prompt(LlavaProcessor.from_pretrained(tmp_path), "What?") == EXPECTED[kind]


@pytest.mark.parametrize("kind", EXPECTED)
def test_a_turn_continues_its_prompt_and_ends_with_one_end_token(kind):
    processor = tiny_processor(**PROCESSORS[kind])
    asked = token_ids(processor, prompt(processor, "What?"))
    turn = token_ids(processor, turn_text(processor, "<image>\nWhat?", "A bag"))
    assert shared_length([asked, turn]) == len(asked)
    end = "<|im_end|>" if kind == "chatml" else "</s>"
    answer = processor.tokenizer.convert_ids_to_tokens(turn[len(asked) :])
    assert answer.index(end) == len(answer) - 1


def test_a_text_is_begun_once():
    processor = tiny_processor()
    assert token_ids(processor, "<s>A") == token_ids(processor, "A")
    assert token_ids(processor, "A").count(processor.tokenizer.bos_token_id) == 1


def test_several_turns_are_one_conversation():
    text = render(None, [Turn("<image>\nWhat?", "A bag"), Turn("Which?")])
    assert text.endswith("What? ASSISTANT: A bag</s>USER: Which? ASSISTANT:")
    with pytest.raises(InputError, match="turns must have answers, except for the last"):
        render(None, [Turn("What?"), Turn("Which?", "A bag")])
