"""A picture of 12 000 × 12 000 pixels through the operator: how much memory, how long?

    python benchmarks/big_image.py --out benchmarks/records/big-image.json

Each case runs in a process of its own, whose largest resident memory is recorded: interpreter and
libraries, the 8-bit picture, the model, everything. The picture is a photograph, repeated.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from turns import show, write_record

SIDE = 12_000
MODEL = "pip:efficientnet_lite0"


def main() -> None:
    """Run all cases and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--case", nargs=2, metavar=("PATH", "SCALES"), help="run one case here")
    options = parser.parse_args()
    if options.case:
        print(json.dumps(run(*options.case)))
        return
    rows = []
    with TemporaryDirectory() as folder:
        paths = make_pictures(Path(folder))
        for scales in ("1,2,4", "1,53"):
            for path in paths:
                command = [sys.executable, __file__, "--case", str(path), scales]
                done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
                row = {"file": path.name, **json.loads(done.stdout.splitlines()[-1])}
                rows.append(show(row))
    write_record(options.out, rows, side=SIDE, model=MODEL)


def make_pictures(folder: Path) -> list[Path]:
    """A JPEG file, and an array on disk."""
    from skimage.data import astronaut

    repeats = -(-SIDE // 512)
    pixels = np.tile(astronaut(), (repeats, repeats, 1))[:SIDE, :SIDE]
    Image.fromarray(pixels).save(folder / "picture.jpg", quality=90)
    np.save(folder / "picture.npy", pixels)
    return [folder / "picture.jpg", folder / "picture.npy"]


def run(path: str, scales: str) -> dict[str, object]:
    """Features of the picture in this process."""
    import torch

    import polyscale

    module = polyscale.wrap(MODEL, [int(scale) for scale in scales.split(",")])
    before = peak_gib()
    start = time.perf_counter()
    picture = np.load(path, mmap_mode="r") if path.endswith("npy") else path
    with torch.inference_mode():
        features = module(module.preprocess(picture))
    assert torch.isfinite(features.map).all()
    return {
        "scales": scales,
        "tiles": module.plan.num_tiles,
        "seconds": round(time.perf_counter() - start, 1),
        "peak_gib": round(peak_gib(), 2),
        "peak_gib_before": round(before, 2),
        "scale_in_float32_gib": round(3 * 4 * (224 * int(scales.split(",")[-1])) ** 2 / 2**30, 2),
    }


def peak_gib() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
