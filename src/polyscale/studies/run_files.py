"""Files that every comparison writes."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from math import isinf
from pathlib import Path

from PIL import Image

from polyscale.records import Contrast, Failure, Result, Timing, Verdict
from polyscale.stats import sweet_spots_by_axis

GALLERY_PX = 448
"""Longer side of the pictures of a gallery, at most."""


def write_common(
    folder: Path,
    *,
    rows: Sequence[Result],
    contrasts: Iterable[Contrast],
    verdicts: Iterable[Verdict],
    failures: Sequence[Failure],
    timing: Timing,
) -> None:
    """Results, contrasts, verdicts, sweet spots, failures and times."""
    facts = [row.to_dict() for row in rows]
    write_json(folder / "results.json", facts)
    write_json(folder / "contrasts.json", [c.to_dict() for c in contrasts])
    write_json(folder / "verdicts.json", [v.to_dict() for v in verdicts])
    write_json(folder / "sweet_spots.json", _sweet_spots(rows))
    write_json(folder / "timing.json", timing.to_dict())
    if failures:
        write_json(folder / "failures.json", [f.to_dict() for f in failures])
    (folder / "results.csv").write_text(_csv(facts), encoding="utf-8")


def write_json(path: Path, content: object) -> None:
    """Readable, and no NaN, which other readers refuse."""
    text = json.dumps(content, indent=2, allow_nan=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def jpeg(image: Image.Image) -> bytes:
    """A picture as a small file."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def _sweet_spots(rows: Sequence[Result]) -> dict[str, object]:
    return {
        axis: [
            {
                "budget_low": spot.low,
                "budget_high": None if isinf(spot.high) else spot.high,
                "candidate": spot.best.candidate,
            }
            for spot in spots
        ]
        for axis, spots in sweet_spots_by_axis(rows).items()
    }


def _csv(rows: Sequence[dict[str, object]]) -> str:
    """One line a row; lists, settings and versions as JSON."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {k: v if isinstance(v, str | int | float) else json.dumps(v) for k, v in row.items()}
        )
    return text.getvalue()
