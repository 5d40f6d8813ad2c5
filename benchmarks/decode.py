"""A large JPEG decoded whole against decoded at reduced size, for models that need less.

    python benchmarks/decode.py --out benchmarks/records/decode.json

Both take turns; a ratio is taken within each turn and its median quoted. Pixels are compared after
both were resized to the side that was asked for.
"""

import argparse
import io
import statistics
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image
from turns import median_ratio, show, take_turns, write_record

from polyscale import decode as module
from polyscale.decode import read_image

SIZE = (4000, 3000)
"""Width and height in pixels: 12 megapixels."""


def main() -> None:
    """Run all settings and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args()
    jpegs = {name: photograph(f"{name}.jpg") for name in ("china", "flower")}
    rows = []
    for name, data in jpegs.items():
        for margin in (1, 2, 3):
            for side in (224, 448, 672):
                module.DRAFT_MARGIN = margin
                row = {"photograph": name, "margin": margin, "side_px": side}
                rows.append(show(row | compare(data, side, options.turns)))
    write_record(options.out, rows)


def photograph(name: str) -> bytes:
    """A sample photograph, enlarged, with noise so that its finest detail is not empty."""
    large = Image.fromarray(load_sample_image(name)).resize(SIZE, Image.Resampling.BICUBIC)
    noise = np.random.default_rng(0).normal(0, 6, (SIZE[1], SIZE[0], 3)).astype(np.float32)
    noisy = (np.asarray(large) + noise).clip(0, 255).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def compare(data: bytes, side: int, turns: int) -> dict[str, object]:
    """Time of the whole over that of the reduced image, and how far their pixels are apart."""
    calls = {
        "whole": partial(read_image, data, name="x"),
        "reduced": partial(read_image, data, name="x", min_side=side),
    }
    images = {name: call() for name, call in calls.items()}
    times = take_turns(calls, turns)
    small = [
        np.asarray(image.resize((side, side), Image.Resampling.BICUBIC), dtype=float)
        for image in images.values()
    ]
    difference = np.abs(small[0] - small[1])
    return {
        "reduced_size": images["reduced"].size,
        "whole_ms": round(statistics.median(times["whole"]) * 1e3, 1),
        "times_faster": median_ratio(times["whole"], times["reduced"]),
        "mean_difference": round(float(difference.mean()), 3),
        "p99_difference": float(np.percentile(difference, 99)),
    }


if __name__ == "__main__":
    main()
