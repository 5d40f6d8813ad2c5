"""Tokens and targets, and that branches of a sequence are what they would be alone."""

import numpy as np
import pytest
import torch
from tests.language.tiny_llava import CHATML, LISTS, tiny_processor

from polyscale.errors import InputError
from polyscale.language.prompts import Turn
from polyscale.language.tokens import token_ids, turn_text
from polyscale.language.training.answer_loss import AnswerLoss
from polyscale.language.training.batches import Collator
from polyscale.language.training.conversations import Conversation
from polyscale.language.training.sequences import IGNORED, encode, order_batches, share_pictures

TWO_TURNS = Conversation(
    name="two",
    pictures=(0,),
    turns=(Turn("<image>\nWhat colour?", "red"), Turn("And the box?", "It is blue.")),
)
TEMPLATES = {"ChatML": {"chat_template": CHATML}, "lists": {"processor_template": LISTS}, "": {}}


@pytest.fixture(scope="module", params=TEMPLATES)
def any_processor(request):
    return tiny_processor(**TEMPLATES[request.param])


def test_targets_are_the_answers_and_the_ends_of_their_turns(any_processor):
    encoded = encode(any_processor, TWO_TURNS, max_tokens=999)
    learned = np.flatnonzero(encoded["targets"] != IGNORED)
    np.testing.assert_array_equal(encoded["targets"][learned], encoded["ids"][learned + 1])
    runs = np.split(learned, np.flatnonzero(np.diff(learned) > 1) + 1)
    said = [any_processor.tokenizer.decode(encoded["targets"][run]).strip() for run in runs]
    assert len(said) == 2
    assert said[0] in ("red", "red<|im_end|>", "red</s>")
    assert said[1] in ("It is blue.<|im_end|>", "It is blue.</s>", "It is blue. </s>")


def test_one_turn_has_the_tokens_that_scores_are_computed_of(any_processor):
    turn = Turn("<image>\nWhat colour?", "red")
    conversation = Conversation(name="", pictures=(0,), turns=(turn,))
    text = turn_text(any_processor, turn.question, turn.answer)
    encoded = encode(any_processor, conversation, max_tokens=999)
    assert encoded["ids"].tolist() == token_ids(any_processor, text)


def test_what_is_too_long_is_cut(processor):
    whole = encode(processor, TWO_TURNS, max_tokens=999)
    cut = encode(processor, TWO_TURNS, max_tokens=len(whole["ids"]) - 3)
    np.testing.assert_array_equal(cut["ids"], whole["ids"][:-3])
    with pytest.raises(InputError, match="max_tokens must leave an answer of conversation 'two'"):
        encode(processor, TWO_TURNS, max_tokens=5)


def test_a_template_that_writes_in_another_order_is_refused():
    reverse = tiny_processor(chat_template=CHATML.replace("in messages", "in messages | reverse"))
    with pytest.raises(InputError, match="chat template must write a conversation in the order"):
        encode(reverse, TWO_TURNS, max_tokens=999)


@pytest.mark.parametrize("questions", [2, 3])
def test_branches_have_the_loss_and_gradients_that_they_have_alone(
    llava, processor, data, questions
):
    alone = [encode(processor, each, max_tokens=999) for each in data.entries]
    assert share_pictures(alone[:1], questions, processor.image_token_id) == alone[:1]
    shared = share_pictures(alone, questions, processor.image_token_id)
    assert sum(len(each["ids"]) for each in shared) < sum(len(each["ids"]) for each in alone)
    collate, model = Collator(processor=processor, pictures=data.pictures), AnswerLoss(llava)
    results = []
    for batch in (alone, shared):
        model.zero_grad()
        loss = model(**collate(batch))["loss"]
        loss.backward()
        grads = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        results.append((loss.detach(), grads))
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-6)


def test_loss_is_that_of_transformers(llava, processor, data):
    sequence = encode(processor, data.entries[0], max_tokens=999)
    batch = Collator(processor=processor, pictures=data.pictures)([sequence])
    labels = torch.full_like(batch["input_ids"], IGNORED)
    labels[:, 1:] = batch["labels"][:, :-1]  # the model shifts them itself
    expected = llava(**{**batch, "labels": labels}).loss
    torch.testing.assert_close(AnswerLoss(llava)(**batch)["loss"], expected)


def test_padding_changes_nothing(llava, processor, data):
    sequences = [encode(processor, data.entries[i], max_tokens=999) for i in (0, 12, 13)]
    collate, model = Collator(processor=processor, pictures=data.pictures), AnswerLoss(llava)
    num = [int((each["targets"] != IGNORED).sum()) for each in sequences]
    losses = [model(**collate([each]))["loss"] for each in sequences]
    mean = sum(loss * n for loss, n in zip(losses, num, strict=True)) / sum(num)
    torch.testing.assert_close(model(**collate(sequences))["loss"], mean)


def test_order_sees_each_as_often_as_asked_with_similar_lengths_together():
    lengths = np.random.default_rng(0).integers(10, 100, 401)
    order = order_batches(lengths, batch_size=4, epochs=2.5, seed=0)
    assert len(order) == round(2.5 * 401)
    assert set(np.bincount(order)) == {2, 3}
    spread = [np.ptp(lengths[order[i : i + 4]]) for i in range(0, 400, 4)]
    assert np.median(spread) < 5
    again, other = (order_batches(lengths, batch_size=4, epochs=2.5, seed=s) for s in (0, 1))
    assert np.array_equal(order, again)
    assert not np.array_equal(order, other)
