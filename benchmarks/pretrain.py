"""What a pre-training step at several scales costs over the plain steps of its tiles.

    python benchmarks/pretrain.py --out R.json

`records/2026-11-29-pretrain.json` was measured on a machine that others used meanwhile, with one
thread and `--clock cpu --turns 5 --images 4 --models "ViT-Ti/4 at 28 px"`.

A step of supervised pre-training (forward, backward, AdamW) sees images at several scales. The
plain contender is timm alone: its tiles are cut already, and it takes as many of them in steps of
its own (forward, backward, AdamW), each of at most as many tiles as the first step has images, as
training at one scale does. Once more, the plain contender takes all of them in one step: what
remains is to resize, to cut, to pool and to fuse. Contenders take turns. On a machine that others
use, `--clock cpu` with OMP_NUM_THREADS=1 counts processor time.
"""

import argparse
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from turns import keep_freed_memory, median_ratio, show, take_turns, write_record

from polyscale.learning.pretraining import PretrainSettings
from polyscale.learning.pretraining.model import at_scales, build_backbone, image_size
from polyscale.learning.pretraining.supervised import Supervised
from polyscale.learning.pretraining.views import PretrainBatch
from polyscale.learning.training.optimiser import make_optimiser

CLASSES = 100
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
MODELS = {
    "ViT-Ti/16": {"model": "vit_tiny_patch16_224"},
    "ViT-Ti/4 at 28 px": {
        "model": "vit_tiny_patch16_224",
        "model_args": {"img_size": 28, "patch_size": 4},
    },
    "ConvNeXt-Atto": {"model": "convnext_atto", "tile_px": 224},
}


def main() -> None:
    """Measure every model, and print and keep a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--scales", type=float, nargs="+", default=[1, 2])
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    options = parser.parse_args()
    keep_freed_memory()
    rows = [
        measure(name, tuple(options.scales), options.images, options.precision, options)
        for name in options.models
    ]
    facts = {"device": options.device, "threads": torch.get_num_threads(), "clock": options.clock}
    write_record(options.out, rows, **facts)


def measure(name, scales, num: int, precision, options) -> dict[str, object]:
    """Median ratios of the step at several scales to the plain steps."""
    settings = PretrainSettings(**MODELS[name], scales=scales, precision=precision)
    backbone = build_backbone(settings)
    learner = Supervised(at_scales(backbone, settings), settings, CLASSES)
    learner.to(options.device).train()
    images = torch.randn(num, 1, 3, *image_size(backbone, settings), device=options.device)
    labels = torch.arange(num, device=options.device)
    num_tiles = num * learner.student.plan.num_tiles
    tiles = torch.randn(num_tiles, 3, *backbone.tile_hw, device=options.device)
    plain = Plain(deepcopy(backbone.model), backbone.dim).to(options.device).train()
    times = take_turns(
        {
            "scales": step(learner, settings, lambda: learner(PretrainBatch(0, images, labels))),
            "plain": plain_steps(plain, settings, tiles, num),
            "plain, at once": plain_steps(plain, settings, tiles, num_tiles),
        },
        options.turns,
        gradients=True,
        clock=CLOCKS[options.clock],
    )
    return show(
        {
            "model": name,
            "scales": scales,
            "images": num,
            "tiles": num_tiles,
            "precision": precision,
            "step_s": round(float(np.median(times["scales"])), 3),
            "over_plain": median_ratio(times["scales"], times["plain"]),
            "over_plain_at_once": median_ratio(times["scales"], times["plain, at once"]),
        }
    )


class Plain(nn.Module):
    """timm's model and a linear layer on its mean feature."""

    def __init__(self, model: nn.Module, dim: int) -> None:
        super().__init__()
        self.model, self.classify = model, nn.Linear(dim, CLASSES)

    def forward(self, tiles: Tensor) -> Tensor:
        """Scores of the classes."""
        features = self.model.forward_features(tiles)
        return self.classify(features.mean(1 if features.ndim == 3 else (2, 3)))


def plain_steps(plain: Plain, settings, tiles: Tensor, most: int) -> Callable[[], None]:
    """Steps of at most so many tiles, until all have been learned from."""
    parts = tiles.split(most)

    def loss(part: Tensor) -> Tensor:
        return F.cross_entropy(plain(part), torch.arange(len(part), device=part.device) % CLASSES)

    steps = [step(plain, settings, lambda part=part: loss(part)) for part in parts]
    return lambda: [one() for one in steps] and None


def step(module: nn.Module, settings, loss: Callable[[], Tensor]) -> Callable[[], None]:
    """One step of the optimiser."""
    optimiser = make_optimiser(module, settings.training(1))
    device = next(module.parameters()).device.type

    def run() -> None:
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=settings.precision == "bf16"):
            value = loss()
        value.backward()
        optimiser.step()

    return run


if __name__ == "__main__":
    main()
