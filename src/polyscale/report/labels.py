"""Labels beside points, placed where they cover the least."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

XY = tuple[float, float]
Boxes = Float[np.ndarray, "boxes 4"]
"""Left, bottom, right and top in printer's points from the figure's lower left corner."""

# Where a label may stand: direction from its point, the better ones first. The interval runs
# above and below the point, so beside it is best.
DIRECTIONS = ((1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1))
GAPS_PT = (7.0, 12.0, 20.0)
PADDING_PT = 1.5
FAR_PT = 9.0
OUTSIDE_COST = 8.0
BEAD_STEP_PT = 4.0
LEADER = {"arrowstyle": "-", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 4, "alpha": 0.6}


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
    far from its point gets a thin leader. The axes must be laid out already; lines are given by
    their corners in data coordinates.
    """
    points = [_to_points(axes, label.xy) for label in labels]
    obstacles = [(x - 6, y - 6, x + 6, y + 6) for x, y in points]
    for label, (x, _) in zip(labels, points, strict=True):
        low, high = sorted(_to_points(axes, (label.xy[0], end))[1] for end in label.interval)
        obstacles.append((x - 1.5, low, x + 1.5, high))
    for line in lines:
        for start, end in pairwise(_to_points(axes, corner) for corner in line):
            num = max(2, int(np.hypot(end[0] - start[0], end[1] - start[1]) / BEAD_STEP_PT))
            beads = np.linspace(start, end, num).tolist()
            obstacles += [(x - 2, y - 2, x + 2, y + 2) for x, y in beads]
    corners = axes.bbox.get_points() * 72 / axes.figure.dpi
    inside = (np.concatenate(corners) + np.array([-4, 0, 4, 6]))[None]
    for label, point in zip(labels, points, strict=True):
        size = _text_size(axes, label.text, fontsize)
        (x0, y0, x1, y1), side = _best_place(point, size, np.array(obstacles), inside)
        obstacles.append((x0 - PADDING_PT, y0 - PADDING_PT, x1 + PADDING_PT, y1 + PADDING_PT))
        far = np.hypot(max(x0 - point[0], 0, point[0] - x1), max(y0 - point[1], 0, point[1] - y1))
        axes.annotate(
            label.text,
            label.xy,
            # anchored at the edge that faces the point: fonts differ where an SVG is shown
            xytext=({1: x0, 0: (x0 + x1) / 2, -1: x1}[side] - point[0], (y0 + y1) / 2 - point[1]),
            textcoords="offset points",
            fontsize=fontsize,
            color=label.colour,
            ha={1: "left", 0: "center", -1: "right"}[side],
            va="center",
            zorder=2.5,
            # a veil over lines behind the text, below the markers
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6},
            arrowprops={**LEADER, "color": label.colour} if far > FAR_PT else None,
        )


def _best_place(point: XY, size: XY, obstacles: Boxes, inside: Boxes) -> tuple[list[float], int]:
    """The box of least cost, and its side of the point: 1 right, 0 above or below, -1 left."""
    choices = [(gap, direction) for gap in GAPS_PT for direction in DIRECTIONS]
    places = np.array([_box(point, size, direction, gap) for gap, direction in choices])
    covered = _overlaps(places, obstacles).sum(axis=1)
    outside = size[0] * size[1] - _overlaps(places, inside)[:, 0]
    best = int(np.argmin(covered + OUTSIDE_COST * outside + np.arange(len(places))))
    return places[best].tolist(), choices[best][1][0]


def _box(
    point: XY, size: XY, direction: tuple[int, int], gap: float
) -> tuple[float, float, float, float]:
    """A box of that size whose near edge or corner is a gap away from the point."""
    (x, y), (width, height), (right, up) = point, size, direction
    # a diagonal label comes nearer on both axes
    gap_x, gap_y = (gap * 0.7, gap * 0.5) if right and up else (gap, gap)
    left = x + right * gap_x - width * (1 - right) / 2
    bottom = y + up * gap_y - height * (1 - up) / 2
    return left, bottom, left + width, bottom + height


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


def _overlaps(boxes: Boxes, others: Boxes) -> Float[np.ndarray, "boxes others"]:
    """Areas that each box shares with each other, in square points."""
    a, b = boxes[:, None], others[None]
    shared = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    return shared.clip(min=0).prod(axis=-1)
