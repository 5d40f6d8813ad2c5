"""A vision tower of several scales against its bare tiles, and against LLaVA's own tower.

    python benchmarks/tower.py --out benchmarks/records/tower.json

Contenders take turns; a ratio is taken within each turn and its median quoted. Random weights: this
is about speed alone. Images have the size of the largest scale, as LLaVA gives them to its tower.

- ours: the hidden state before the last, through `S2VisionModel`, as transformers' LLaVA calls it.
- tiles: the tiles of ours, already cut, through the vision model in the same chunks. Nothing else.
- reference: `s2wrapper.forward` as LLaVA's tower calls it: every scale as one batch, patch tokens.
"""

import argparse
import statistics
from pathlib import Path

import s2wrapper
import torch
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModel
from turns import keep_freed_memory, median_ratio, show, take_turns, write_record

from polyscale.language import S2VisionConfig, S2VisionModel

SIZES = {"ViT-S/16": (384, 6, 12, 224, 16), "short": (32, 2, 2, 32, 8)}
"""Width, heads, layers, side of a tile and of a patch in pixels."""

SCALES = ([1, 2], [1, 2, 3])
LAYER = -2


def main() -> None:
    """Run all settings and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 4])
    parser.add_argument("--short", action="store_true", help="a tiny model, to try the script")
    options = parser.parse_args()
    keep_freed_memory()
    label = "short" if options.short else "ViT-S/16"
    model = clip(*SIZES[label]).to(options.device)
    rows = []
    for scales in SCALES:
        for antialias in (False, True):
            for batch in options.batches:
                row = {"model": label, "scales": scales, "antialias": antialias, "batch": batch}
                row |= compare(model, scales, batch, options.turns, antialias=antialias)
                rows.append(show(row))
    write_record(options.out, rows, device=options.device, threads=torch.get_num_threads())


def clip(width: int, heads: int, layers: int, tile: int, patch: int) -> CLIPVisionModel:
    """A CLIP with random weights."""
    config = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        image_size=tile,
        patch_size=patch,
    )
    return CLIPVisionModel(config).eval().requires_grad_(False)


def compare(model, scales, batch: int, turns: int, *, antialias: bool) -> dict[str, float]:
    """Median ratios of the tower's time to those of the others."""
    config = S2VisionConfig(backbone_config=model.config, scales=scales, antialias=antialias)
    tower = S2VisionModel(config, model).eval()
    images = torch.randn(batch, 3, config.image_size, config.image_size, device=tower.device)
    seen: list[Tensor] = []
    with torch.inference_mode():
        ours(tower, images)  # measures how large a chunk may be
        hook = model.register_forward_pre_hook(
            lambda _, args, kw: seen.append(kw["pixel_values"]), with_kwargs=True
        )
        ours(tower, images)
    hook.remove()
    calls = {
        "ours": lambda: ours(tower, images),
        "tiles": lambda: [model(tiles) for tiles in seen],
        "reference": lambda: reference(model, config, images),
    }
    times = take_turns(calls, turns)
    row = {
        "num_tiles": sum(map(len, seen)),
        "ours_ms": round(statistics.median(times["ours"]) * 1e3, 2),
    }
    for other in ("tiles", "reference"):
        row[f"time_over_{other}"] = median_ratio(times["ours"], times[other])
    if not antialias:
        difference = ours(tower, images)[:, 1:] - reference(model, config, images)
        row["ours_less_reference"] = float(difference.abs().max())
    return row


def ours(tower, images: Tensor) -> Tensor:
    """What the projector is given, with the class token before it."""
    return tower(images, output_hidden_states=LAYER).hidden_states[LAYER]


def reference(model, config, images: Tensor) -> Tensor:
    """As in LLaVA's `CLIPVisionTowerS2`."""
    return s2wrapper.forward(
        lambda tiles: model(tiles, output_hidden_states=True).hidden_states[LAYER][:, 1:],
        images,
        img_sizes=[round(scale * config.tile_size) for scale in config.scales],
        max_split_size=config.tile_size,
    )


if __name__ == "__main__":
    main()
