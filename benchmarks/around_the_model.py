"""What the operator does around the model: launches, tiles, gradients, pictures and memory.

    python benchmarks/around_the_model.py --out benchmarks/records/around.json

- launches: operators that would start a kernel on a GPU, outside of the model, counted on the meta
  device, and how many of them would wait for the device.
- tiles: how many tiles a compiled model runs for those that are needed.
- gradients: seconds of a forward and backward pass at batch 16, 32 and 64, beside a plain twin that
  runs the same tiles and nothing else.
- pictures: milliseconds to resize, cut and normalise a picture of 12 megapixels at three scales,
  beside Pillow resizing it to the three sizes.
- memory: peak of live bytes in bf16, less that of one chunk, over the bytes of the output.

Random weights: this is about speed and memory alone. Contenders take turns within one run.
"""

import argparse
import statistics
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from turns import keep_freed_memory, show, take_turns, write_record

import polyscale
from polyscale.operator.multiscale.memory import peak_live_bytes

TILE = 224
SCALES = (1, 2, 3)
VIEWS = {
    *("view", "_unsafe_view", "slice", "select", "permute", "transpose", "t", "expand", "detach"),
    *("unsqueeze", "squeeze", "alias", "as_strided", "split", "split_with_sizes", "unbind"),
    "promote_types",  # computes with dtypes alone
}
WAITS = {"_local_scalar_dense", "nonzero", "is_nonzero", "equal"}


def main() -> None:
    """Run all parts and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    keep_freed_memory()
    rows = [
        *(launches(batch) for batch in (1, 32)),
        compiled_tiles(),
        *(gradients(batch, max(1, options.turns // 2)) for batch in (16, 32, 64)),
        pictures(options.turns),
        half_memory(),
    ]
    write_record(options.out, rows, threads=torch.get_num_threads())


class Patches(nn.Module):
    """A model of one convolution, so that what is around it shows."""

    def __init__(self, dim: int = 64, patch: int = 16) -> None:
        super().__init__()
        self.inside = False
        self.proj = nn.Conv2d(3, dim, patch, patch)

    def forward(self, tiles: Tensor) -> Tensor:
        """Tokens of patches."""
        self.inside = True
        try:
            return self.proj(tiles).flatten(2).transpose(1, 2).contiguous()
        finally:
            self.inside = False


def launches(batch: int) -> dict[str, object]:
    """Operators outside of the model in one call, after a first one."""
    model = Patches().to("meta")
    module = polyscale.wrap(model, SCALES, tile_hw=(TILE, TILE), num_prefix=0, tile_batch=64)
    images = torch.empty(batch, 3, TILE, TILE, device="meta")
    counter = Counter(model)
    with torch.no_grad():
        module(images)
        with counter:
            module(images)
    return show({"what": "launches", "batch": batch, **counter.counts()})


class Counter(TorchDispatchMode):
    """Counts operators that start a kernel or wait for one, unless the model runs."""

    def __init__(self, model: Patches) -> None:
        super().__init__()
        self.model = model
        self.seen: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if not self.model.inside:
            self.seen.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))

    def counts(self) -> dict[str, int]:
        """How many there were of each kind."""
        return {
            "launches": sum(name not in VIEWS for name in self.seen),
            "waits": sum(name in WAITS for name in self.seen),
        }


def compiled_tiles() -> dict[str, object]:
    """13 images at scales (1, 2) are 65 tiles; how many run in chunks of at most 64?"""
    sizes: list[int] = []

    def noted(function, **_):
        def call(tiles):
            sizes.append(len(tiles))
            return function(tiles)

        return call

    kept, torch.compile = torch.compile, noted
    try:
        module = polyscale.wrap(
            Patches(), (1, 2), tile_hw=(TILE, TILE), num_prefix=0, compile=True, tile_batch=64
        )
        with torch.no_grad():
            module(torch.randn(13, 3, TILE, TILE))
    finally:
        torch.compile = kept
    return show({"what": "compiled tiles", "needed": 65, "run": sum(sizes), "chunks": sizes})


def gradients(batch: int, turns: int) -> dict[str, object]:
    """Forward and backward; a twin runs as many tiles in chunks of the same size."""
    side, dim = 64, 192
    model = Patches(dim, 8)
    module = polyscale.wrap(model, SCALES, tile_hw=(side, side), num_prefix=0, tile_batch=8)
    images = torch.randn(batch, 3, side, side)
    tiles = torch.randn(batch * module.plan.num_tiles, 3, side, side)

    def ours() -> None:
        module(images).tokens.square().mean().backward()

    def twin() -> None:
        found = torch.cat([model(part) for part in tiles.split(8)])
        found.square().mean().backward()

    times = medians({"ours": ours, "twin": twin}, turns)
    return show({"what": "gradients", "batch": batch, **rounded(times, 3)})


def pictures(turns: int) -> dict[str, object]:
    """A picture of 4000 × 3000 pixels, in memory."""
    pixels = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
    photo = Image.fromarray(pixels)
    model = Patches()
    options = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
    try:
        module = polyscale.wrap(model, SCALES, tile_hw=(TILE, TILE), num_prefix=0, **options)
    except polyscale.errors.InputError:  # versions that take no mean
        module = polyscale.wrap(model, SCALES, tile_hw=(TILE, TILE), num_prefix=0)
    module = polyscale.MultiScale(module.backbone, SCALES, tile_batch=8)

    def ours() -> None:
        list(module.prepare(module.preprocess([pixels]), eager=True).__dict__)

    def pillow() -> None:
        for scale in SCALES:
            photo.resize((TILE * scale,) * 2, Image.Resampling.BICUBIC)

    times = medians({"ours": ours, "pillow": pillow}, turns)
    row = {f"{name}_ms": round(value * 1e3, 1) for name, value in times.items()}
    return show({"what": "pictures", "megapixels": 12, "scales": SCALES, **row})


def half_memory() -> dict[str, object]:
    """In bf16, at batch 32, where the output is much larger than a chunk."""
    model = Patches(512).bfloat16().requires_grad_(False)
    module = polyscale.wrap(model, SCALES, tile_hw=(TILE, TILE), num_prefix=0, tile_batch=8)
    images = torch.randn(32, 3, TILE, TILE, dtype=torch.bfloat16)
    tiles = torch.zeros(8, 3, TILE, TILE, dtype=torch.bfloat16)
    kept: list[Tensor] = []
    with torch.no_grad():
        module(images[:1])
        chunk = peak_live_bytes(lambda: model(tiles), held=[tiles, *model.parameters()])
        held = [images, *model.parameters()]
        peak = peak_live_bytes(lambda: kept.append(module(images).tokens), held=held)
    output = kept[0].nbytes
    return show(
        {
            "what": "peak memory in bf16",
            "output_mb": round(output / 2**20, 1),
            "chunk_mb": round(chunk / 2**20, 1),
            "peak_mb": round((peak - images.nbytes) / 2**20, 1),
            "peak_less_chunk_over_output": round((peak - images.nbytes - chunk) / output, 2),
        }
    )


def medians(calls, turns: int) -> dict[str, float]:
    """Median seconds of each call."""
    times = take_turns(calls, turns, gradients=True)
    return {name: statistics.median(values) for name, values in times.items()}


def rounded(values: dict[str, float], digits: int) -> dict[str, float]:
    """Seconds by name."""
    return {f"{name}_s": round(value, digits) for name, value in values.items()}


if __name__ == "__main__":
    main()
