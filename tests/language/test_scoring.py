"""Scores against full forward passes of every option, written out by transformers' own calls."""

import warnings
from itertools import permutations
from string import ascii_uppercase

import numpy as np
import pytest
import torch
from PIL import Image
from tests.language.tiny_llava import CHATML, LISTS, tiny_llava, tiny_processor
from tokenizers import normalizers
from transformers import MistralConfig

from polyscale.errors import InputError
from polyscale.language.prompts import IMAGE, prompt
from polyscale.language.scoring import (
    LETTERS_REQUEST,
    Query,
    image_features,
    score_letters,
    score_options,
)
from polyscale.language.tokens import turn_text
from polyscale.stats import preferred

OPTIONS = ("The bag is red.", "The bag is of a very dark blue.", "Blue.")
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def llava():
    torch.manual_seed(0)
    return tiny_llava()


@pytest.fixture(scope="module")
def processor():
    return tiny_processor()


def picture(seed=0, size_wh=(60, 40)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size_wh[::-1], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def log_p(model, processor, text, image):
    """Of each token given those before it, by one full pass: (tokens - 1), and the tokens."""
    inputs = processor(text=text, images=image, return_tensors="pt")
    with torch.no_grad():
        logits = model(**inputs).logits[0, :-1]
    ids = inputs["input_ids"][0]
    return logits.log_softmax(-1).gather(1, ids[1:, None])[:, 0], ids


def naive_loss(model, processor, question, option, image):
    asked = question if image is None else f"{IMAGE}\n{question}"
    text = prompt(processor, asked, num_images=0)
    start = len(processor(text=text, images=image)["input_ids"][0])
    text = turn_text(processor, asked, option)
    return -log_p(model, processor, text, image)[0][start - 1 :].mean().item()


@pytest.mark.parametrize("image", [picture(), None], ids=["picture", "blind"])
@pytest.mark.parametrize(
    "templates",
    [{}, {"chat_template": CHATML, "begins": False}, {"processor_template": LISTS}],
    ids=["vicuna", "chatml", "lists"],
)
def test_losses_are_those_of_full_passes(llava, templates, image):
    processor = tiny_processor(**templates)
    query = Query(question="What is the colour?", options=OPTIONS, picture=image)
    (losses,) = score_options(llava, processor, [query])
    expected = [naive_loss(llava, processor, query.question, o, image) for o in OPTIONS]
    assert np.ptp(expected) > 100 * TOLERANCE
    np.testing.assert_allclose(losses, expected, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("templates", "end"),
    [({}, "red.</s>"), ({"chat_template": CHATML}, "red.<|im_end|>")],
    ids=["vicuna", "chatml"],
)
def test_the_end_of_the_turn_is_scored_and_nothing_after_it(templates, end):
    assert turn_text(tiny_processor(**templates), "Which?", "It is red.").endswith(end)


def test_options_may_stand_in_any_order(llava, processor):
    ask = {"question": "What is the colour?", "picture": picture()}
    (losses,) = score_options(llava, processor, [Query(options=OPTIONS, **ask)])
    for order in permutations(range(3)):
        options = [OPTIONS[i] for i in order]
        (turned,) = score_options(llava, processor, [Query(options=options, **ask)])
        np.testing.assert_allclose(turned, [losses[i] for i in order], atol=TOLERANCE)


@pytest.mark.parametrize("score", [score_options, score_letters])
@pytest.mark.parametrize("window", [None, 12], ids=["full attention", "sliding window"])
def test_a_batch_is_as_one_question_at_a_time(processor, score, window):
    model = tiny_llava(kind=MistralConfig, sliding_window=window)
    queries = [
        Query(question="What?", options=OPTIONS, picture=picture(1)),
        Query(question="Is the bag to the left of the ball, or not?", options=OPTIONS[:2]),
        Query(question="Which one?", options=OPTIONS[1:], picture=picture(2, (40, 80))),
    ]
    together = score(model, processor, queries)
    for query, losses in zip(queries, together, strict=True):
        np.testing.assert_allclose(losses, score(model, processor, [query])[0], atol=TOLERANCE)


def test_letters_are_those_of_full_passes_at_every_position(llava, processor):
    image, num = picture(), len(OPTIONS)
    query = Query(question="What is the colour?", options=OPTIONS, picture=image)
    (rotations,) = score_letters(llava, processor, [query])
    for by, losses in enumerate(rotations):
        shown = [OPTIONS[(place - by) % num] for place in range(num)]
        lines = [f"{letter}. {o}" for letter, o in zip(ascii_uppercase, shown, strict=False)]
        asked = "\n".join([IMAGE, query.question, *lines, LETTERS_REQUEST])
        for option, loss in zip(OPTIONS, losses, strict=True):
            letter = ascii_uppercase[shown.index(option)]
            values, ids = log_p(llava, processor, turn_text(processor, asked, letter), image)
            token = processor.tokenizer.decode(ids[-2])
            assert token.strip() == letter
            assert loss == pytest.approx(-values[-2].item(), abs=TOLERANCE)


def test_a_preference_for_a_letter_is_right_once_in_all_rotations(processor):
    """Biased to the first letter: each option is preferred in the rotation that puts it first."""
    model = tiny_llava()
    with torch.no_grad():
        model.lm_head.weight.zero_()
    model.lm_head.bias = torch.nn.Parameter(torch.zeros(320))
    letter = processor.tokenizer.encode(" A", add_special_tokens=False)[-1]
    model.lm_head.bias.data[letter] = 9.0
    query = Query(question="Which?", options=OPTIONS, picture=picture())
    (rotations,) = score_letters(model, processor, [query])
    assert sorted(preferred(losses) for losses in rotations) == [0, 1, 2]


def test_features_that_are_known_need_no_pass_of_the_tower(llava, processor):
    image = picture()
    (features,) = image_features(llava, processor, [image])
    ask = {"question": "What is the colour?", "options": OPTIONS}
    (expected,) = score_options(llava, processor, [Query(picture=image, **ask)])
    passes = []
    hook = llava.model.vision_tower.register_forward_hook(lambda *_: passes.append(1))
    (losses,) = score_options(llava, processor, [Query(picture=features, **ask)])
    hook.remove()
    assert not passes
    np.testing.assert_allclose(losses, expected, atol=TOLERANCE)


@pytest.mark.parametrize("score", [score_options, score_letters])
def test_picture_and_prompt_run_once(llava, processor, score):
    tower, read = [], []
    hooks = [
        llava.model.vision_tower.register_forward_hook(lambda *_: tower.append(1)),
        llava.model.language_model.register_forward_pre_hook(
            lambda _, __, kwargs: read.append(kwargs["inputs_embeds"].shape[:2]), with_kwargs=True
        ),
    ]
    score(llava, processor, [Query(question="What?", options=OPTIONS, picture=picture())])
    for hook in hooks:
        hook.remove()
    assert len(tower) == 1
    (once, prompt), (rows, _) = read
    assert (once, rows) == (1, 3)
    assert prompt > 16  # the picture's tokens are in it


def test_scoring_changes_neither_mode_nor_gradients(processor):
    model = tiny_llava(attention_dropout=0.5).train()
    query = Query(question="What?", options=OPTIONS, picture=picture())
    assert score_options(model, processor, [query]) == score_options(model, processor, [query])
    assert all(part.training for part in model.modules())
    inputs = processor(text="<image> a", images=picture(), return_tensors="pt")
    model(**inputs, labels=inputs["input_ids"]).loss.backward()


def test_layers_of_peft_count(processor):
    peft = pytest.importorskip("peft")
    base = tiny_llava()
    query = Query(question="What?", options=OPTIONS, picture=picture())
    (before,) = score_options(base, processor, [query])
    config = peft.LoraConfig(target_modules=["q_proj"], init_lora_weights=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers by an old name
        model = peft.get_peft_model(base, config)
    (losses,) = score_options(model, processor, [query])
    assert np.abs(np.subtract(losses, before)).max() > 100 * TOLERANCE
    merged = model.merge_and_unload()
    np.testing.assert_allclose(losses, score_options(merged, processor, [query])[0], atol=TOLERANCE)


@pytest.mark.parametrize(
    "options",
    [("red",), ("red", "red"), "red", ("red", " "), tuple("a" * i for i in range(1, 28))],
)
def test_options_that_cannot_be_compared_are_refused(options):
    with pytest.raises(InputError, match=r"options must .*'What\?'"):
        Query(question="What?", options=options)


@pytest.mark.parametrize("where", ["question", "options"])
def test_an_image_token_in_a_text_is_refused(where):
    texts = {"question": "What?", "options": ("red", "blue")}
    texts[where] = "<image> what?" if where == "question" else ("red", "<image>")
    with pytest.raises(InputError, match="must not hold '<image>'"):
        Query(**texts)


@pytest.mark.parametrize("options", [OPTIONS, OPTIONS[:2]])
def test_letters_without_tokens_of_their_own_are_refused(llava, options):
    processor = tiny_processor()
    processor.tokenizer.backend_tokenizer.normalizer = normalizers.Replace("B", "A")
    query = Query(question="What?", options=options)
    with pytest.raises(InputError, match="a token for each of the letters A, B"):
        score_letters(llava, processor, [query])
