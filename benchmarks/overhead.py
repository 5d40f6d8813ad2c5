"""The operator against the same tiles straight through the backbone, the reference, and MONAI.

    python benchmarks/overhead.py --out benchmarks/records/overhead.json

Contenders take turns, A B C D A B C D; a ratio is taken within each turn and its median quoted.
Peak memory is the largest sum of live tensors, beyond parameters and images. Random weights: this
is about speed and memory alone. With GLIBC_TUNABLES set in the environment, even to nothing, the
allocator stays as it says; else it keeps freed memory.

- direct: the tiles of the operator, already cut, through the backbone. Nothing else.
- reference: `s2wrapper.forward`, a scale at a time.
- monai: `sliding_window_inference` on each resized scale, pooled and concatenated; no prefix.
"""

import argparse
import statistics
import warnings
from pathlib import Path

import s2wrapper
import timm
import torch
import torch.nn.functional as F
from torch import Tensor
from turns import keep_freed_memory, median_ratio, show, take_turns, write_record

import polyscale
from polyscale.operator.backbones import ReadOptions, adapt_timm, freeze
from polyscale.operator.multiscale.memory import peak_live_bytes
from polyscale.operator.multiscale.precision import autocast

MODELS = {"ViT-S/16": "vit_small_patch16_224", "EfficientNet-Lite0": "tf_efficientnet_lite0"}
TILE_BATCH = 8  # of MONAI; ours is its default, on a CPU 8 as well


def main() -> None:
    """Run all settings and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--dtypes", nargs="+", choices=("fp32", "bf16"), default=["fp32", "bf16"])
    options = parser.parse_args()
    keep_freed_memory()
    rows = []
    for label in options.models:
        name = MODELS[label]
        model = timm.create_model(name, num_classes=0)
        backbone = freeze(adapt_timm(model, ReadOptions(), name=name)).to(options.device)
        for dtype in options.dtypes:
            for scales in ((1, 2), (1, 2, 3)):
                for batch in (1, 8):
                    images = torch.randn(batch, 3, 224, 224, device=options.device)
                    row = {"model": label, "dtype": dtype, "scales": scales, "batch": batch}
                    row |= compare(backbone, scales, images, dtype, options.turns)
                    rows.append(show(row))
    write_record(options.out, rows, device=options.device, threads=torch.get_num_threads())


def compare(backbone, scales, images: Tensor, dtype, turns: int) -> dict[str, float]:
    """Median ratios of the operator's time and memory to those of the others."""
    module = polyscale.wrap(backbone, scales, dtype=dtype)
    seen: list[Tensor] = []
    with torch.inference_mode():
        module(images)  # measures how large a chunk may be
        hook = backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0].clone()))
        module(images)
    hook.remove()
    assert sum(map(len, seen)) == len(images) * module.plan.num_tiles
    calls = {
        "ours": lambda: module(images).tokens,
        "direct": lambda: direct(backbone, seen, dtype),
        "reference": lambda: reference(backbone, scales, images, dtype),
        "monai": lambda: monai(backbone, scales, images, dtype),
    }
    times = take_turns(calls, turns)
    row = {"ours_ms": round(statistics.median(times["ours"]) * 1e3, 2)}
    for other in ("direct", "reference", "monai"):
        row[f"time_over_{other}"] = median_ratio(times["ours"], times[other])
    row |= memory_row(calls, [images, *backbone.parameters(), *backbone.buffers()])
    with torch.inference_mode():
        whole = polyscale.wrap(backbone, scales, dtype=dtype, tile_batch=10_000)(images).tokens
        row["chunked_less_unchunked"] = float((module(images).tokens - whole).abs().max())
    return row


def memory_row(calls, held) -> dict[str, float]:
    """Peak bytes beyond what is held, as ratios."""
    base = sum({t.untyped_storage().data_ptr(): t.nbytes for t in held}.values())
    with torch.no_grad():
        peaks = {n: peak_live_bytes(c, held=held) - base for n, c in calls.items() if n != "direct"}
    row = {"ours_peak_mb": round(peaks["ours"] / 2**20, 1)}
    return row | {
        f"memory_over_{other}": round(peaks["ours"] / peaks[other], 3)
        for other in ("reference", "monai")
    }


def direct(backbone, chunks: list[Tensor], dtype) -> None:
    """The floor."""
    for tiles in chunks:
        with autocast(tiles.device, dtype):
            backbone(tiles)


def reference(backbone, scales, images: Tensor, dtype) -> Tensor:
    """The paper's own package."""
    with autocast(images.device, dtype):
        return s2wrapper.forward(
            backbone.model.forward_features,
            images,
            scales=list(scales),
            num_prefix_token=backbone.num_prefix,
            output_shape="bnc" if backbone.num_prefix else "bchw",
        )


def monai(backbone, scales, images: Tensor, dtype) -> Tensor:
    """MONAI's sliding window, once a scale."""
    from monai.inferers import sliding_window_inference

    maps = []
    with warnings.catch_warnings(), autocast(images.device, dtype):
        warnings.simplefilter("ignore")
        for scale in scales:
            side = 224 * scale
            resized = F.interpolate(images, (side, side), mode="bicubic") if scale > 1 else images
            stitched = sliding_window_inference(
                resized, (224, 224), TILE_BATCH, lambda t: backbone(t).map.float(), overlap=0
            )
            maps.append(F.interpolate(stitched, backbone.grid_hw, mode="area"))
        return torch.cat(maps, dim=1)


if __name__ == "__main__":
    main()
