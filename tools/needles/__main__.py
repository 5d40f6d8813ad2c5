"""Command line: write the questions, or check the shipped files against new ones."""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from tools.needles.ask import Asked, ask
from tools.needles.encode import to_bytes
from tools.needles.scenes import read_scenes


def main() -> int:
    """Write or check the files; returns the exit status."""
    arguments = _parser().parse_args()
    is_equal = True
    sums = []
    for split in ("test", "train"):
        asked = ask(read_scenes(split), split, arguments.seed)
        content, path = to_bytes(asked), arguments.out / f"{split}.parquet"
        if arguments.check:
            tables = [pq.read_table(io.BytesIO(own)) for own in (content, path.read_bytes())]
            is_equal &= tables[0].equals(tables[1])
            print(f"{path}: {'as' if is_equal else 'NOT as'} it is made now", file=sys.stderr)
            continue
        arguments.out.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        sums.append(f"{hashlib.sha256(content).hexdigest()}  {path.name}\n")
        print(f"{path}: {len(content) / 1e3:.0f} kB\n{_sizes(asked)}", file=sys.stderr)
    if sums:
        (arguments.out / "SHA256SUMS").write_text("".join(sums))
    return 0 if is_equal else 1


def _sizes(asked: list[Asked]) -> str:
    """How many questions there are, and how large their smallest targets are at 224 px."""
    lines = []
    for category in sorted({one.category for one in asked}):
        own = [one for one in asked if one.category == category]
        smallest = [min(o.scene.found[k].longer_side_px for k in o.kinds) / 2 for o in own]
        low, middle, high = np.percentile(smallest, [5, 50, 95])
        scenes = len({one.scene.picture for one in own})
        lines.append(
            f"{category}: {len(own)} questions about {scenes} pictures; longer side of the "
            f"smallest target {low:.0f}, {middle:.0f}, {high:.0f} px at 224 (5, 50, 95 %)"
        )
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.needles",
        description=__doc__,
        epilog="example: python -m tools.needles --out src/polyscale/data/needles",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the Parquet files")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything (0)")
    parser.add_argument("--check", action="store_true", help="write nothing; compare the files")
    return parser


if __name__ == "__main__":
    sys.exit(main())
