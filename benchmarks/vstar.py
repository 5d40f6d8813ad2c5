"""What does it save that the options of a question share one pass over its picture and prompt?

    python benchmarks/vstar.py --out benchmarks/records/vstar.json

SmolLM2-135M-Instruct with as many image tokens as EfficientNet-Lite gives for a tile of 224 px (49)
and as LLaVA-1.5 has (576); the features of pictures are random, because only their number counts.
Questions have two or four full-sentence options, as those of V* bench do. Naive scoring runs
picture, prompt and option together, once for each option, and is what the scores are checked
against. Tokens are positions that go through the language model, padding included.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import (
    AddedToken,
    CLIPImageProcessor,
    CLIPVisionConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)
from turns import keep_freed_memory, median_ratio, show, take_turns, write_record

from polyscale.language.language_models import load_language_model
from polyscale.language.prefixes import embed
from polyscale.language.prompts import IMAGE, prompt
from polyscale.language.scoring import Query, score_letters, score_options
from polyscale.language.tokens import token_ids, turn_text

LANGUAGE = "pip:smollm2_135m"
IMAGE_TOKENS = (49, 576)
VSTAR = {4: 115, 2: 76}
"""Number of options → questions of V* bench that have so many."""

COLOURS = ("red", "blue", "green", "white")
QUESTIONS = {
    4: ("What is the color of the bag?", [f"The color of the bag is {c}." for c in COLOURS]),
    2: (
        "Is the dog on the left or right side of the bicycle?",
        ["The dog is on the left side of the bicycle.", "The dog is on the right side of it."],
    ),
}


def main() -> None:
    """Count tokens and take time for every number of options and of image tokens."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    keep_freed_memory()
    model, processor = make_model()
    rows = []
    for num_tokens in IMAGE_TOKENS:
        features = torch.randn(num_tokens, model.config.text_config.hidden_size)
        for text, answers in QUESTIONS.values():
            query = Query(question=text, options=answers, picture=features)
            rows.append(show(measure(model, processor, query, options.turns)))
    rows += [show(whole_bench(rows, num)) for num in IMAGE_TOKENS]
    write_record(options.out, rows, language=LANGUAGE)


def whole_bench(rows: list[dict[str, object]], image_tokens: int) -> dict[str, object]:
    """The tokens of all questions of V* bench, as if each were like the one that was measured."""
    sums = dict.fromkeys(("shared", "naive"), 0)
    for row in rows:
        if row["image_tokens"] == image_tokens:
            for name in sums:
                sums[name] += VSTAR[row["options"]] * row["tokens"][name]
    ratio = round(sums["shared"] / sums["naive"], 3)
    return {"image_tokens": image_tokens, "options": "as V* bench", "tokens_ratio": ratio}


def measure(
    model: LlavaForConditionalGeneration, processor: LlavaProcessor, query: Query, turns: int
) -> dict[str, object]:
    """Tokens and time of shared over naive scoring, how far scores differ, and those of letters."""
    calls = {
        "shared": lambda: score_options(model, processor, [query])[0],
        "naive": lambda: naive_losses(model, processor, query),
        "letters": lambda: score_letters(model, processor, [query]),
    }
    tokens, found = {}, {}
    for name, call in calls.items():
        with counted(model) as count:
            found[name] = call()
        tokens[name] = sum(count)
    times = take_turns({name: calls[name] for name in ("shared", "naive")}, turns)
    gaps = [abs(a - b) for a, b in zip(found["shared"], found["naive"], strict=True)]
    return {
        "image_tokens": len(query.picture),
        "options": len(query.options),
        "tokens": tokens,
        "tokens_ratio": round(tokens["shared"] / tokens["naive"], 3),
        "time_ratio": median_ratio(times["shared"], times["naive"]),
        "largest_gap": max(gaps),
    }


def naive_losses(
    model: LlavaForConditionalGeneration, processor: LlavaProcessor, query: Query
) -> list[float]:
    """Every option by a full pass over everything before it."""
    asked = f"{IMAGE}\n{query.question}"
    start = len(token_ids(processor, prompt(processor, asked)))
    losses = []
    for option in query.options:
        ids = token_ids(processor, turn_text(processor, asked, option))
        inputs = embed(model, ids, query.picture, processor.image_token_id)
        with torch.no_grad():
            logits = model(inputs_embeds=inputs[None], logits_to_keep=len(ids) - start + 1).logits
        log_p = logits[0, :-1].float().log_softmax(dim=-1)
        losses.append(-log_p.gather(1, torch.tensor(ids[start:])[:, None]).mean().item())
    return losses


@contextmanager
def counted(model: LlavaForConditionalGeneration) -> Iterator[list[int]]:
    """The number of positions in each pass of the language model."""
    counts: list[int] = []
    hook = model.model.language_model.register_forward_pre_hook(
        lambda _, __, given: counts.append(given["inputs_embeds"].shape[:2].numel()),
        with_kwargs=True,
    )
    try:
        yield counts
    finally:
        hook.remove()


def make_model() -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """A LLaVA around the language model; its tower is tiny, and is not used."""
    language, tokenizer = load_language_model(LANGUAGE)
    tokenizer.add_tokens(AddedToken(IMAGE, normalized=False, special=True), special_tokens=True)
    language.resize_token_embeddings(len(tokenizer), pad_to_multiple_of=64)
    vision = CLIPVisionConfig(
        hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=language.config,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
    )
    model = LlavaForConditionalGeneration(config).eval()
    model.model.language_model, model.lm_head = language.base_model, language.lm_head
    return model, LlavaProcessor(
        image_processor=CLIPImageProcessor(), tokenizer=tokenizer, patch_size=32
    )


if __name__ == "__main__":
    main()
