"""What a training step of a LLaVA costs from kept features, and with pictures that are shared.

    python benchmarks/llava_training.py --precisions bf16 --questions 4 --turns 3 --out R.json

That wrote `records/2026-11-29-llava-training.json`, on a machine that others used meanwhile.

Projector and LoRA of `pip:smollm2_135m` on `pip:efficientnet_lite0` at several scales learn the
same questions of `needles`: with the tower, from features that are kept, with questions about one
picture in one sequence, and in bf16. A step reads its pictures or features, and ends with the
optimiser. Contenders take turns, and each turn measures all of them on the same questions.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from turns import keep_freed_memory, median_ratio, show, take_turns, write_record

from polyscale.features import FeatureStore
from polyscale.language import make_llava
from polyscale.language.language_models import load_language_model
from polyscale.language.training import LlavaTraining, load_conversations
from polyscale.language.training.answer_loss import AnswerLoss, prepare
from polyscale.language.training.batches import Collator
from polyscale.language.training.kept_features import keep_features, without_tower
from polyscale.language.training.sequences import TokenSequence, encode, share_pictures
from polyscale.types import silent

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def main() -> None:
    """Measure every precision, and print and keep a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--scales", type=float, nargs="+", default=[1, 2, 3])
    parser.add_argument("--questions", type=int, default=8, help="in a step")
    parser.add_argument("--precisions", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    keep_freed_memory()
    rows = [
        row
        for precision in options.precisions
        for row in measure(precision, options.scales, options.questions, options.turns)
    ]
    write_record(options.out, rows, threads=torch.get_num_threads())


def measure(
    precision: Any, scales: list[float], questions: int, turns: int
) -> list[dict[str, object]]:
    """Rows of one precision, with frozen weights in it."""
    language = load_language_model("pip:smollm2_135m", dtype=DTYPES[precision])
    llava, processor = make_llava(vision="pip:efficientnet_lite0", language=language, scales=scales)
    settings = LlavaTraining(stage="lora", lora_rank=16, lora_alpha=32, precision=precision)
    data = load_conversations("needles")
    some = [each for each in data.entries if each.pictures[0] < max(1, questions // 4)][:questions]
    used = sorted({each.pictures[0] for each in some})
    pictures = data.pictures.take(np.arange(used[-1] + 1))
    alone = [encode(processor, each, max_tokens=settings.max_tokens) for each in some]
    shared = share_pictures(alone, 8, processor.image_token_id)
    with TemporaryDirectory() as folder:
        features = keep_features(
            llava,
            processor,
            pictures,
            store=FeatureStore(folder),
            precision=precision,
            progress=silent,
        )
        _, groups = prepare(llava, settings)
        optimiser = torch.optim.AdamW(groups)
        model = AnswerLoss(llava).train()
        from_pixels = Collator(processor=processor, pictures=pictures)
        from_features = Collator(processor=processor, pictures=pictures, features=features)

        def step(collate: Collator, sequences: list[TokenSequence]) -> Callable[[], None]:
            def run() -> None:
                with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                    loss = model(**collate(sequences))["loss"]
                loss.backward()
                optimiser.step()
                optimiser.zero_grad()

            def run_kept() -> None:
                with without_tower(llava):
                    run()

            return run if collate.features is None else run_kept

        times = take_turns(
            {
                "tower": step(from_pixels, alone),
                "kept": step(from_features, alone),
                "kept, shared": step(from_features, shared),
            },
            turns,
            gradients=True,
        )
    return [
        show(
            {
                "precision": precision,
                "scales": scales,
                "questions": len(some),
                "pictures": len(used),
                "step": name,
                "questions_per_s": round(len(some) / float(np.median(seconds)), 2),
                "over_tower": median_ratio(seconds, times["tower"]),
            }
        )
        for name, seconds in times.items()
    ]


if __name__ == "__main__":
    main()
