"""Command line: write the data set, or check the shipped files against a fresh render."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from tools.rooms.check import check_split
from tools.rooms.encode import write_parquet
from tools.rooms.splits import SPLITS, make_rows


def main() -> int:
    """Write or check the data set; returns the exit status."""
    arguments = _parser().parse_args()
    sizes = {"train": arguments.num_train, "test": arguments.num_test}
    if arguments.check:
        results = [
            check_split(arguments.out, split, arguments.seed, sizes[split], arguments.check)
            for split in SPLITS
        ]
        return 0 if all(results) else 1
    arguments.out.mkdir(parents=True, exist_ok=True)
    for split, num in sizes.items():
        path = arguments.out / f"{split}.parquet"
        write_parquet(path, make_rows(arguments.seed, split, num, arguments.workers))
        print(f"{path}: {num} rows, {path.stat().st_size / 1e6:.2f} MB", file=sys.stderr)
    _write_sums(arguments.out)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.rooms",
        description=__doc__,
        epilog="example: python -m tools.rooms --out src/polyscale/data/rooms --workers 2",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the Parquet files")
    parser.add_argument("--num-train", type=int, default=480, help="train samples (480)")
    parser.add_argument("--num-test", type=int, default=240, help="test samples (240)")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything (0)")
    parser.add_argument("--workers", type=int, default=1, help="processes (1); no effect on bytes")
    parser.add_argument(
        "--check",
        type=int,
        default=0,
        metavar="N",
        help="write nothing; re-render N rows of each split of --out and compare",
    )
    return parser


def _write_sums(folder: Path) -> None:
    """Checksums of the Parquet files, in the format of `sha256sum --check`."""
    lines = []
    for split in sorted(SPLITS):
        path = folder / f"{split}.parquet"
        lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    (folder / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    sys.exit(main())
