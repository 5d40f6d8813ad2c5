"""Labels beside points, placed where they cover the least."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

XY = tuple[float, float]

# Where a label may stand: direction from its point, the better ones first. The interval runs
# above and below the point, so beside it is best.
DIRECTIONS = ((1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1))
GAPS_PT = (7.0, 12.0, 20.0)
PADDING_PT = 1.5
FAR_PT = 9.0
OUTSIDE_COST = 8.0


@dataclass(frozen=True, kw_only=True)
class Label:
    """Text at a point, in data coordinates."""

    text: str
    xy: XY
    interval: XY
    colour: str


def place_labels(
    axes: Axes, labels: Sequence[Label], lines: Sequence[Sequence[XY]], *, fontsize: float
) -> None:
    """Write each label where it overlaps least with markers, intervals, lines and other labels.

    Greedy, in the order given: exact placement is NP-hard, and a chart has a dozen points. A label
    that ends up far from its point gets a thin leader.

    Args:
        axes: laid out already, its limits fixed.
        labels: one a point.
        lines: corners of each line, in data coordinates.
        fontsize: in points.
    """
    points = [_to_points(axes, label.xy) for label in labels]
    obstacles = [Bbox.from_extents(x - 6, y - 6, x + 6, y + 6) for x, y in points]
    for label, (x, _) in zip(labels, points, strict=True):
        low, high = (_to_points(axes, (label.xy[0], end))[1] for end in label.interval)
        obstacles.append(Bbox.from_extents(x - 1.5, low, x + 1.5, high))
    for line in lines:
        obstacles.extend(_beads([_to_points(axes, corner) for corner in line]))
    corners = axes.bbox.get_points() * 72 / axes.figure.dpi
    inside = Bbox([corners[0] - (4, 0), corners[1] + (4, 6)])
    for label, point in zip(labels, points, strict=True):
        size = _text_size(axes, label.text, fontsize)
        box, side = _best_place(point, size, obstacles, inside)
        # anchored at the edge that faces the point: fonts differ where an SVG is shown
        edge = {1: box.x0, 0: (box.x0 + box.x1) / 2, -1: box.x1}[side]
        obstacles.append(box.padded(PADDING_PT))
        far = _distance(point, box) > FAR_PT
        axes.annotate(
            label.text,
            label.xy,
            xytext=(edge - point[0], (box.y0 + box.y1) / 2 - point[1]),
            textcoords="offset points",
            fontsize=fontsize,
            color=label.colour,
            ha={1: "left", 0: "center", -1: "right"}[side],
            va="center",
            zorder=2.5,
            # a veil over lines behind the text, below the markers
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6},
            arrowprops=_leader(label.colour) if far else None,
        )


def _leader(colour: str) -> dict[str, object]:
    return {
        "arrowstyle": "-",
        "color": colour,
        "alpha": 0.6,
        "linewidth": 0.6,
        "shrinkA": 0,
        "shrinkB": 4,
    }


def _distance(point: XY, box: Bbox) -> float:
    """From a point to the nearest edge of a box, in points."""
    x, y = point
    return float(np.hypot(max(box.x0 - x, 0, x - box.x1), max(box.y0 - y, 0, y - box.y1)))


def _best_place(point: XY, size: XY, obstacles: Sequence[Bbox], inside: Bbox) -> tuple[Bbox, int]:
    """The box of least cost, and its side of the point: 1 right, 0 above or below, -1 left."""
    choices = [(gap, direction) for gap in GAPS_PT for direction in DIRECTIONS]
    places = [_box(point, size, direction, gap) for gap, direction in choices]
    costs = [
        sum(_overlap(box, obstacle) for obstacle in obstacles)
        + OUTSIDE_COST * (_area(box) - _overlap(box, inside))
        + rank
        for rank, box in enumerate(places)
    ]
    best = int(np.argmin(costs))
    return places[best], choices[best][1][0]


def _box(point: XY, size: XY, direction: tuple[int, int], gap: float) -> Bbox:
    """A box of that size whose near edge or corner is a gap away from the point."""
    (x, y), (width, height), (right, up) = point, size, direction
    # a diagonal label comes nearer on both axes
    gap_x, gap_y = (gap * 0.7, gap * 0.5) if right and up else (gap, gap)
    left = x + right * gap_x - width * (1 - right) / 2
    bottom = y + up * gap_y - height * (1 - up) / 2
    return Bbox.from_bounds(left, bottom, width, height)


def _beads(corners: Sequence[XY], step_pt: float = 4.0) -> list[Bbox]:
    """Small boxes along a line."""
    boxes = []
    for start, end in pairwise(corners):
        length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
        for t in np.linspace(0, 1, max(2, int(length / step_pt))):
            x, y = (a + (b - a) * t for a, b in zip(start, end, strict=True))
            boxes.append(Bbox.from_extents(x - 2, y - 2, x + 2, y + 2))
    return boxes


def _to_points(axes: Axes, xy: XY) -> XY:
    """Data coordinates as printer's points from the figure's lower left corner."""
    x, y = axes.transData.transform(xy) * 72 / axes.figure.dpi
    return float(x), float(y)


def _text_size(axes: Axes, text: str, fontsize: float) -> XY:
    """Width and height in points."""
    probe = axes.text(0, 0, text, fontsize=fontsize)
    box = probe.get_window_extent()
    probe.remove()
    scale = 72 / axes.figure.dpi
    return box.width * scale, box.height * scale


def _area(box: Bbox) -> float:
    return float(box.width * box.height)


def _overlap(a: Bbox, b: Bbox) -> float:
    """Shared area in square points."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return float(max(width, 0) * max(height, 0))
