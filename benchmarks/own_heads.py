"""A training step of a head on multi-scale features: frozen backbone, kept features, end to end.

    python benchmarks/own_heads.py --out benchmarks/records/own-heads.json

Contenders take turns; a ratio is taken within each turn and its median quoted. The head is smp's
FPN with 9 classes, trained by AdamW on random images and labels.

- frozen: the backbone runs without gradients, the head with.
- kept: the fused map was computed before; the head alone.
- end to end: every parameter of the backbone learns too.
"""

import argparse
import statistics
from functools import partial
from pathlib import Path

import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from turns import keep_freed_memory, median_ratio, show, take_turns, write_record

import polyscale
from polyscale.encoders import smp_encoder

MODELS = ("pip:efficientnet_lite0", "pip:dinov2_small")
SCALES = (1, 2)


def main() -> None:
    """Run both models and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    keep_freed_memory()
    rows = [show(measure(n, options.batch, options.turns, options.device)) for n in MODELS]
    threads = torch.get_num_threads()
    write_record(options.out, rows, device=options.device, threads=threads, batch=options.batch)


def measure(name: str, batch: int, turns: int, device: str) -> dict[str, object]:
    """Median time of a step, and the ratios to the frozen one."""
    models = {}
    for label in ("frozen", "kept", "end_to_end"):
        backbone = polyscale.load(name).requires_grad_(True)
        multiscale = polyscale.MultiScale(backbone, SCALES, frozen=label != "end_to_end")
        models[label] = fpn(multiscale).to(device).train()
    height, width = multiscale.backbone.tile_hw
    images = torch.randn(batch, 3, 2 * (height // 32) * 32, 2 * (width // 32) * 32, device=device)
    labels = torch.randint(0, 9, (batch, *images.shape[2:]), device=device)
    kept = models["kept"].encoder.multiscale(images)
    models["kept"].encoder.multiscale.forward = lambda images: kept
    calls = {label: stepper(model, images, labels) for label, model in models.items()}
    times = take_turns(calls, turns, gradients=True)
    row: dict[str, object] = {"model": name, "scales": SCALES, "image_hw": tuple(images.shape[2:])}
    for label, seconds in times.items():
        row[f"{label}_ms"] = round(statistics.median(seconds) * 1e3, 1)
        row[f"{label}_over_frozen"] = median_ratio(seconds, times["frozen"])
    return row


def fpn(multiscale):
    """The head on the features."""
    smp.encoders.encoders["polyscale"] = {
        "encoder": partial(smp_encoder, multiscale),
        "params": {},
        "pretrained_settings": {},
    }
    return smp.FPN("polyscale", encoder_weights=None, classes=9)


def stepper(model, images, labels):
    """A call that makes one step."""
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)

    def step() -> None:
        optimiser.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimiser.step()

    return step


if __name__ == "__main__":
    main()
