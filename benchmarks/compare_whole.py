"""The whole of `polyscale compare` against a plain script, `plain_compare.py`.

    python benchmarks/compare_whole.py --out benchmarks/records/compare-whole.json
    python benchmarks/compare_whole.py --short

Both are commands that start from the same folder of JPEGs and end with the accuracy of the same
candidates; ours also with intervals, tests, costs and the report. They take turns: plain, ours
with an empty cache (cold), ours again (warm). Ratios are taken within a turn. Beside the seconds on
the clock stand those of all processor cores (`cpu_s`), which other work on the machine hardly
changes. `stages` says where our time goes.

The pictures are those of `rooms`, enlarged to the size of photographs (--side); --data takes any
other folder with train/CLASS and test/CLASS. --short takes 6 pictures of each class and one turn:
whether it works, not how fast it is.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
from PIL import Image
from turns import write_record

from polyscale.data import LabelledImages, load_rooms

CANDIDATES = ("efficientnet_lite0@1", "efficientnet_lite0@1,2", "efficientnet_lite1@1")
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Spent:
    """What a command took: seconds on the clock, and of all processor cores together."""

    wall_s: float
    cpu_s: float
    printed: str


def main() -> None:
    """Take turns and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--candidates", nargs="+", default=CANDIDATES)
    parser.add_argument("--side", type=int, default=1344, help="of the pictures of rooms, in px")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        data = options.data or write_rooms(Path(folder) / "rooms", options.side, options.short)
        rows = []
        for number in range(1 if options.short else options.turns):
            rows.append(turn(data, options.candidates, Path(folder) / str(number)))
            print(json.dumps(rows[-1]), flush=True)
    ratios = [key for key in rows[0] if "_over_" in key]
    summary = {key: round(median(row[key] for row in rows), 3) for key in ratios}
    print(json.dumps(summary), flush=True)
    write_record(options.out, [*rows, summary], threads=torch.get_num_threads())


def write_rooms(folder: Path, side: int, short: bool) -> Path:
    """`rooms` as JPEGs of so many pixels, in folders of train and test."""
    data = load_rooms()
    splits: dict[str, LabelledImages] = {"train": data.train, "test": data.test}
    for split, images in splits.items():
        written = [0] * len(data.class_names)
        for index, label in enumerate(images.labels.tolist()):
            if not short or written[label] < 6:
                file = folder / split / data.class_names[label] / f"{index}.jpg"
                file.parent.mkdir(parents=True, exist_ok=True)
                enlarged = images.read(index).resize((side, side), Image.Resampling.BICUBIC)
                enlarged.save(file, quality=90)
                written[label] += 1
    return folder


def turn(data: Path, candidates: Sequence[str], folder: Path) -> dict[str, object]:
    """All contenders once."""
    ours = [*(sys.executable, "-c", "from polyscale.cli import main; main()", "compare")]
    ours += ["--data", f"folder:{data}", "--cache", str(folder / "cache")]
    asked = ["--candidates", *(f"pip:{candidate}" for candidate in candidates)]
    script = [sys.executable, str(HERE / "plain_compare.py"), str(data), *candidates]
    spent = {
        "plain": run(script),
        "plain_bf16": run([*script, "--dtype", "bf16"]),
        "cold": run([*ours, "--out", str(folder / "cold"), *asked]),
        "warm": run([*ours, "--out", str(folder / "warm"), *asked]),
    }
    row: dict[str, object] = {}
    for name, each in spent.items():
        row |= {f"{name}_s": round(each.wall_s, 2), f"{name}_cpu_s": round(each.cpu_s, 2)}
    for name in ("cold", "warm"):
        for other in ("plain", "plain_bf16"):
            row[f"{name}_over_{other}"] = round(spent[name].wall_s / spent[other].wall_s, 3)
            row[f"{name}_over_{other}_cpu"] = round(spent[name].cpu_s / spent[other].cpu_s, 3)
        stages = json.loads((folder / name / "timing.json").read_text())["stages"]
        row[f"{name}_stages"] = {stage: round(seconds, 2) for stage, seconds in stages.items()}
        row[f"{name}_costs_share"] = round(stages["costs"] / spent[name].wall_s, 3)
    results = json.loads((folder / "cold" / "results.json").read_text())
    row["accuracy"] = {r["candidate"]: round(r["value"], 3) for r in results}
    row["accuracy_plain"] = json.loads(spent["plain"].printed)
    return row


def run(command: Sequence[str]) -> Spent:
    """A command from its start to its end, with the processes that it starts itself."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    wall_s, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(wall_s, cpu_s, done.stdout)


if __name__ == "__main__":
    main()
