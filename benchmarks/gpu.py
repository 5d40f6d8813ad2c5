"""Throughput of large models at several scales on a GPU, in the manner of the paper's Table 13.

    python benchmarks/gpu.py --out benchmarks/records/gpu.json

Images a second for ViT-B, L and g at scales (1), (1,2) and (1,2,3), eager and compiled, in bf16,
against `s2wrapper.forward` at batch 1, where launches dominate, and at a full batch. Random
weights: this is about speed alone. `--device cpu --models vit_tiny_patch16_224` tries it anywhere.
"""

import argparse
import statistics
from pathlib import Path

import s2wrapper
import timm
import torch
from torch import Tensor
from turns import median_ratio, show, take_turns, write_record

import polyscale
from polyscale.operator.multiscale.precision import autocast

MODELS = ["vit_base_patch16_224", "vit_large_patch16_224", "vit_giant_patch14_224"]
SCALES = ((1,), (1, 2), (1, 2, 3))


def main() -> None:
    """Run all settings and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 32])
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--no-compile", action="store_true")
    options = parser.parse_args()
    device = torch.device(options.device)
    rows = []
    for name in options.models:
        model = timm.create_model(name, num_classes=0).eval().requires_grad_(False).to(device)
        for scales in SCALES:
            for batch in options.batches:
                images = torch.randn(batch, 3, 224, 224, device=device)
                row = {"model": name, "scales": scales, "batch": batch}
                row |= compare(model, scales, images, options.turns, not options.no_compile)
                rows.append(show(row))
    gpu = torch.cuda.get_device_name() if device.type == "cuda" else "none"
    write_record(options.out, rows, device=options.device, gpu=gpu)


def compare(model, scales, images: Tensor, turns: int, compiled: bool) -> dict[str, float]:
    """Images a second of each contender, and ratios within turns."""
    eager = polyscale.wrap(model, scales, dtype="bf16")
    calls = {
        "eager": lambda: eager(images).tokens,
        "reference": lambda: reference(model, scales, images),
    }
    if compiled:
        tiles = min(64, len(images) * eager.plan.num_tiles)
        fast = polyscale.wrap(model, scales, dtype="bf16", compile=True, tile_batch=tiles)
        calls["compiled"] = lambda: fast(images).tokens
    if images.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    times = take_turns(calls, turns, warmup=3)
    row = {
        f"{name}_images_per_s": round(len(images) / statistics.median(values), 2)
        for name, values in times.items()
    }
    for name in calls:
        row[f"{name}_time_over_reference"] = median_ratio(times[name], times["reference"])
    return row


def reference(model, scales, images: Tensor) -> Tensor:
    """The paper's own package."""
    with autocast(images.device, "bf16"):
        return s2wrapper.forward(
            model.forward_features,
            images,
            scales=list(scales),
            num_prefix_token=model.num_prefix_tokens,
        )


if __name__ == "__main__":
    main()
