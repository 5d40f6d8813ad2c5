"""What `compare` adds to the bare forward passes of its tiles, and how busy it keeps the model.

    python benchmarks/compare.py --out benchmarks/records/compare.json

- overhead: the demo's candidates on `rooms`. The bare passes run every tile that the candidates
  need through the same models once, in chunks as large as ours, with no data, no pooling and no
  probe. Cold is a run with an empty cache, warm the same again; both from the plan to the files.
- busy: share of the time for features in which the model runs, on photographs of 12 megapixels at
  scales 1 and 2.

With `--task segmentation` or `depth` the first part alone: linear heads on maps of the same tiles.

`--limit N` takes N images of each class (of `rooms`), and N photographs of each of two classes; for
the other tasks N images of each split.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from decode import photograph
from PIL import Image
from turns import keep_freed_memory, show, write_record

from polyscale.data import (
    ClassificationData,
    DenseData,
    LabelledImages,
    load_depth,
    load_rooms,
    load_segmentation,
    read_image,
)
from polyscale.operator.multiscale.precision import autocast
from polyscale.report import write_report
from polyscale.studies import (
    ComparePlan,
    new_run,
    plan_compare,
    run_compare,
)
from polyscale.tasks import ClassificationSettings, RunSettings, get_task

TASKS = ("classification", "segmentation", "depth")
DEMO = (
    "pip:efficientnet_lite0@1",
    "pip:efficientnet_lite0@1,2",
    "pip:efficientnet_lite0@1,2,3",
    "pip:efficientnet_lite1@1",
    "pip:efficientnet_lite2@1",
    "pip:dinov2_small@1",
    "pip:dinov2_small@1,2",
)
BUSY = ("pip:efficientnet_lite0@1,2", "pip:dinov2_small@1,2")


def main() -> None:
    """Run both parts and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--task", choices=TASKS, default="classification")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--photographs", type=int, default=48, help="of each of two classes")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--probes", action="store_true")
    options = parser.parse_args()
    keep_freed_memory()
    probes = {"probes": options.probes} if options.task == "classification" else {}
    settings = get_task(options.task).settings_type(device=options.device, **probes)
    data = rooms(options.task, options.limit)
    rows = [show(overhead(options.task, data, settings))]
    if isinstance(settings, ClassificationSettings):
        num = options.limit or options.photographs
        rows += [show(busy(candidate, num, settings)) for candidate in BUSY]
    write_record(options.out, rows, device=options.device, threads=torch.get_num_threads())


def rooms(task: str, limit: int | None) -> ClassificationData | DenseData:
    """`rooms` for a task, or some of it."""
    if task == "classification":
        data = load_rooms()
        if not limit:
            return data
        return replace(data, train=some(data.train, limit), test=some(data.test, limit))
    found = load_segmentation("rooms") if task == "segmentation" else load_depth("rooms")
    if not limit:
        return found
    first = np.arange(limit)
    return replace(found, train=found.train.take(first), test=found.test.take(first))


def overhead(
    task: str, data: ClassificationData | DenseData, settings: RunSettings
) -> dict[str, object]:
    """Time of a cold and of a warm run, over that of the bare passes before and after them."""
    plan = plan_compare(data, DEMO, settings)
    before = bare(plan)
    with TemporaryDirectory() as folder:
        seconds, stages = {}, {}
        for name in ("cold", "warm"):
            start = time.perf_counter()
            found = run_compare(plan_compare(data, DEMO, settings), cache=Path(folder) / "cache")
            with new_run(Path(folder) / name) as out:
                found.save(out)
                write_report(out)
            seconds[name] = time.perf_counter() - start
            stages[name] = {k: round(v, 2) for k, v in found.timing.stages.items()}
    forward = (before + bare(plan)) / 2
    return {
        "what": "overhead",
        "task": task,
        "num_images": len(data.train) + len(data.test),
        "bare_s": round(forward, 2),
        **{f"{name}_s": round(value, 2) for name, value in seconds.items()},
        **{f"{name}_over_bare": round(value / forward, 3) for name, value in seconds.items()},
        "stages": stages,
    }


def bare(plan: ComparePlan) -> float:
    """Seconds for every tile that is needed, straight through the models."""
    num_images, total = len(plan.data.train) + len(plan.data.test), 0.0
    for name, backbone in plan.backbones.items():
        backbone.to(plan.settings.device)
        members = [c for c in plan.candidates if c.backbone == name]
        scales = sorted({scale for c in members for scale in c.scales})
        module = plan.settings.module(backbone, scales)
        chunk = module.tile_batch()
        num_tiles = num_images * module.plan.num_tiles
        tiles = torch.rand(chunk, 3, *backbone.tile_hw, device=plan.settings.device)
        with torch.inference_mode(), autocast(tiles.device, plan.settings.precision):
            backbone(tiles)
            start = time.perf_counter()
            for first in range(0, num_tiles, chunk):
                backbone(tiles[: num_tiles - first])
            if tiles.is_cuda:
                torch.cuda.synchronize()
            total += time.perf_counter() - start
        backbone.to("cpu")
    return total


def busy(candidate: str, num_each: int, settings: ClassificationSettings) -> dict[str, object]:
    """Of the time for features, in which the model runs."""
    contents = [photograph(f"{name}.jpg") for name in ("china", "flower")]

    def images(num: int, name: str) -> LabelledImages:
        labels = np.repeat([0, 1], num)

        def read(index: int, min_side: int | None = None) -> Image.Image:
            return read_image(contents[labels[index]], name="photograph", min_side=min_side)

        return LabelledImages(tuple(f"{name}{i}" for i in range(2 * num)), labels, read, name)

    data = ClassificationData(
        name="photographs",
        class_names=("china", "flower"),
        train=images(num_each, "train"),
        test=images(2, "test"),
        about="none",
    )
    timing = run_compare(plan_compare(data, [candidate], settings)).timing
    return {
        "what": "busy",
        "candidate": candidate,
        "num_images": 2 * num_each + 4,
        "features_s": round(timing.stages["features"], 2),
        "model_s": round(timing.model_s, 2),
        "busy_share": round(timing.busy_share or 0, 3),
    }


def some(images: LabelledImages, num: int) -> LabelledImages:
    """The first images of each class."""
    chosen = np.sort(
        np.concatenate([np.flatnonzero(images.labels == c)[:num] for c in np.unique(images.labels)])
    )
    return LabelledImages(
        tuple(images.ids[i] for i in chosen),
        images.labels[chosen],
        lambda index, min_side=None: images.read(int(chosen[index]), min_side=min_side),
        f"{images.fingerprint} first {num}",
    )


if __name__ == "__main__":
    main()
