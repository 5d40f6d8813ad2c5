"""The operator against the same tiles straight through the backbone, and the reference package.

    python benchmarks/overhead.py --out benchmarks/records/overhead.json

Contenders take turns, A B C A B C; a ratio is taken within each turn and its median quoted.
Random weights: this is about speed alone.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import s2wrapper
import timm
import torch
from torch import Tensor

import polyscale
from polyscale.backbones import ReadOptions, adapt_timm
from polyscale.backbones.model_backbone import freeze
from polyscale.multiscale.precision import autocast
from polyscale.studies.environment import versions

MODELS = {"ViT-S/16": "vit_small_patch16_224", "EfficientNet-Lite0": "tf_efficientnet_lite0"}


def main() -> None:
    """Run all settings and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    rows = []
    for label, name in MODELS.items():
        model = timm.create_model(name, num_classes=0)
        backbone = freeze(adapt_timm(model, ReadOptions(), name=name)).to(options.device)
        for dtype in ("fp32", "bf16"):
            for scales in ((1, 2), (1, 2, 3)):
                for batch in (1, 8):
                    images = torch.randn(batch, 3, 224, 224, device=options.device)
                    row = {"model": label, "dtype": dtype, "scales": scales, "batch": batch}
                    row |= compare(backbone, scales, images, dtype, options.turns)
                    rows.append(row)
                    print(json.dumps(row), flush=True)
    if options.out:
        record = {"date": date.today().isoformat(), "versions": versions(), "rows": rows}
        options.out.write_text(json.dumps(record, indent=1) + "\n")


def compare(backbone, scales, images: Tensor, dtype, turns: int) -> dict[str, float]:
    """Median ratios of the operator's time to that of the others."""
    module = polyscale.wrap(backbone, scales, dtype=dtype, tile_batch=16)
    seen: list[Tensor] = []
    hook = backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0].clone()))
    with torch.inference_mode():
        module(images)
    hook.remove()
    vit = backbone.num_prefix > 0

    def direct() -> None:
        for tiles in seen:
            with autocast(tiles.device, dtype):
                backbone(tiles)

    def reference() -> None:
        with autocast(images.device, dtype):
            s2wrapper.forward(
                backbone.model.forward_features,
                images,
                scales=list(scales),
                num_prefix_token=backbone.num_prefix,
                output_shape="bnc" if vit else "bchw",
            )

    times = take_turns(
        {"ours": lambda: module(images), "direct": direct, "reference": reference}, turns
    )
    ratios = {
        f"over_{other}": [a / b for a, b in zip(times["ours"], times[other], strict=True)]
        for other in ("direct", "reference")
    }
    return {
        "ours_ms": round(statistics.median(times["ours"]) * 1e3, 2),
        **{name: round(statistics.median(values), 3) for name, values in ratios.items()},
    }


def take_turns(calls: dict[str, Callable[[], object]], turns: int) -> dict[str, list[float]]:
    """Seconds of each call in each turn, after one turn of warm-up."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    with torch.inference_mode():
        for turn in range(turns + 1):
            for name, call in calls.items():
                synchronise()
                start = time.perf_counter()
                call()
                synchronise()
                if turn:
                    times[name].append(time.perf_counter() - start)
    return times


def synchronise() -> None:
    """Wait for the GPU, where there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
