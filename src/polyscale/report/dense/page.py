"""What the sections of segmentation and depth show."""

from collections.abc import Sequence
from typing import Any

from polyscale.records import Result
from polyscale.report.dense import pictures
from polyscale.report.dense.by_class import FEW_IMAGES, FEW_SHARE, iou_pages
from polyscale.report.dense.by_size import bin_titles, size_pages
from polyscale.report.dense.side_by_side import draw_gallery
from polyscale.report.dense.sides import Sides, sides_of
from polyscale.report.read import Run
from polyscale.report.vocabulary import speak

OPEN_PICTURES = 3
"""Shown at once; the others in a box that opens."""


def dense_context(run: Run, pairs: Sequence[tuple[Result, Result | None]]) -> dict[str, Any]:
    """Names of the templates `by_size`, `by_class` and `side_gallery`; empty for other runs.

    Args:
        run: what was found.
        pairs: each candidate with several scales that the report is about, and the larger one
            that it stands against.
    """
    dense = run.dense
    if dense is None:
        return {"size_pages": [], "iou_pages": [], "side_gallery": None}
    sides = sides_of(run.results, pairs)
    sizes = size_pages(dense.sizes, sides) if dense.sizes else []
    seed = int(run.results[0].settings.get("seed", 0))
    say = speak(run.results[0].metric)
    return {
        "size_pages": sizes,
        "size_titles": bin_titles(dense.sizes.edges_px) if dense.sizes else [],
        "all_sizes": dense.sizes,
        "iou_pages": iou_pages(dense, sides, seed) if dense.classes else [],
        "few_class_images": FEW_IMAGES,
        "few_class_share": FEW_SHARE,
        "side_gallery": draw_gallery(dense.pictures, _of_families(sides), dense.classes, say.sign),
        "open_pictures": OPEN_PICTURES,
        "depth_css": pictures.depth_css(),
        "error_css": pictures.error_css(),
        "wrong_css": pictures.wrong_css(),
    }


def _of_families(sides: Sequence[Sides]) -> list[Sides]:
    """The first of each family, on which its verdict rests: pictures take room."""
    found: dict[str, Sides] = {}
    for own in sides:
        found.setdefault(own.roles[0].result.family, own)
    return list(found.values())
