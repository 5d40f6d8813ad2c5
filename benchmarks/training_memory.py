"""What training a head on kept maps takes in memory and time, in memory and from the disk.

    python benchmarks/training_memory.py --out benchmarks/records/training-memory.json

Maps of `pip:dinov2_small` at several scales on `rooms` are extracted once. The linear head of
segmentation then learns from them in processes of their own: with a bound that holds them all, and
with smaller ones. The peak is the largest resident memory of the process, seen every 5 ms, above
what it had before the maps were opened.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
import torch
from turns import show, write_record

from polyscale.features import FeatureStore, JoinedMaps, extract_maps
from polyscale.learning.heads.dense import SEGMENTATION_HEADS, train_head
from polyscale.learning.heads.dense.train import cached_batches
from polyscale.studies import plan_compare, silent
from polyscale.tasks import SegmentationSettings
from polyscale.tasks.maps.samples import MapSplit

SOURCE = "pip:dinov2_small"
MB = 10**6


def main() -> None:
    """Extract once, then train in a process for each bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--scales", type=float, nargs="+", default=[1, 2])
    parser.add_argument("--bounds-mb", type=int, nargs="+", default=[2000, 100, 10])
    parser.add_argument("--cache", type=Path, help="folder of maps from an earlier run")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(train(options.cache, options.scales, options.one * MB)))
        return
    with TemporaryDirectory() as folder:
        cache = options.cache or Path(folder)
        open_maps(cache, options.scales)
        rows = []
        for bound in options.bounds_mb:
            command = [sys.executable, __file__, "--cache", str(cache), "--one", str(bound)]
            command += ["--scales", *map(str, options.scales)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
            rows.append(show(json.loads(done.stdout.splitlines()[-1])))
    write_record(options.out, rows, threads=torch.get_num_threads())


def open_maps(cache: Path, scales: list[float]):
    """Maps of each scale of the training images, computed where they are not kept."""
    settings = SegmentationSettings()
    plan = plan_compare("rooms", f"{SOURCE}@{','.join(f'{s:g}' for s in scales)}", settings)
    split = MapSplit.of(plan.data, settings)
    backbone = plan.backbones[SOURCE]
    maps = extract_maps(
        settings.module(backbone, scales),
        split.train,
        store=FeatureStore(cache),
        weights=plan.weights_hashes[SOURCE],
        step="maps",
        progress=silent,
    )
    return plan, split.raster(backbone.tile_hw, settings), maps


class Peak:
    """Resident memory above what there was, watched in a thread."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._before = self._most = self._process.memory_info().rss
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> int:
        """The most that was seen, in bytes."""
        self._done.set()
        self._thread.join()
        return self._most - self._before

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self._most = max(self._most, self._process.memory_info().rss)


def train(cache: Path, scales: list[float], bound_bytes: int) -> dict[str, object]:
    """One training, its peak above what was there before, and what it ended with."""
    plan, targets, by_scale = open_maps(cache, scales)
    peak = Peak()
    maps = JoinedMaps([by_scale[s] for s in scales], memory_bytes=bound_bytes)
    kind = SEGMENTATION_HEADS["linear"]
    assert kind.training is not None
    torch.manual_seed(0)
    head = kind.make(in_channels=maps.shape[3], **plan.task.head_arguments(plan.data))
    batches = cached_batches(maps, targets, batch=kind.training.batch, seed=0)
    start = time.perf_counter()
    report = train_head(head, batches, kind.training)
    seconds = time.perf_counter() - start
    weights = torch.cat([p.detach().flatten() for p in head.parameters()])
    return {
        "maps_mb": round(2 * float(np.prod(maps.shape)) / MB, 1),
        "bound_mb": bound_bytes / MB,
        "peak_mb": round(peak.stop() / MB),
        "seconds": round(seconds, 2),
        "final_loss": report.final_loss,
        "norm_of_weights": float(weights.double().norm()),
        "training": asdict(kind.training),
    }


if __name__ == "__main__":
    main()
