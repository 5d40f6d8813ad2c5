"""S² at a glance: picture → tiles of each scale → features → one grid → joined channels."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

import numpy as np
from jaxtyping import Bool
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from polyscale.records.shown import Shown, ShownScale
from polyscale.report.drawing import QUIET, Box, add_image, add_text, new_sheet
from polyscale.report.names import scales_phrase
from polyscale.types import HW, format_scale

# Okabe and Ito's vermilion on white: told apart by all eyes, on dark and on light pictures
BORDER, HALO, PADDING = "#D55E00", "white", "#eceff1"
MARGIN, PANEL, GAP = 28, 208, 52
HEAD, CAPTION, BETWEEN_ROWS, FOOT = 124, 40, 14, 44
TALLEST = 1.4  # height / width of a panel's place; a taller image gets narrower

STEPS = (
    "The picture",
    "1  Resize, cut into tiles",
    "2  Same model, every tile",
    "3  Pool to one grid",
    "4  Join the channels",
)


def draw_shown(shown: Shown, *, title: str) -> Figure:
    """Draw one row for each scale, to be read from left to right."""
    aspects = [_aspect(_canvas(scale)) for scale in shown.scales]
    heights = [PANEL * min(TALLEST, aspect) for aspect in aspects]
    rows_h = sum(heights) + len(heights) * (CAPTION + BETWEEN_ROWS)
    image_aspect = _aspect(shown.image.shape)
    fused_aspect = _aspect(shown.scales[-1].image.shape)
    alone_h = PANEL * min(TALLEST, max(image_aspect, fused_aspect)) + CAPTION + 3 * BETWEEN_ROWS
    sheet_h = HEAD + max(rows_h, alone_h) + FOOT
    figure, sheet = new_sheet(2 * MARGIN + 5 * PANEL + 4 * GAP, sheet_h)
    lefts = [MARGIN + i * (PANEL + GAP) for i in range(5)]
    _draw_head(sheet, shown, title, lefts)
    foot = (
        "Colours: the first three principal components of the features. "
        "Similar colours mean similar features; a colour alone means nothing."
    )
    add_text(sheet, MARGIN, sheet_h - 18, foot, size=11, color=QUIET)

    rows: list[list[Box]] = []
    top = float(HEAD + CAPTION)
    for scale, aspect, height in zip(shown.scales, aspects, heights, strict=True):
        tiles, *maps = (Box(left, top, PANEL, height) for left in lefts[1:4])
        map_aspect = _aspect(scale.image.shape)
        rows.append([tiles.fit(aspect), *(place.fit(map_aspect) for place in maps)])
        _draw_scale(sheet, scale, *rows[-1])
        top += height + BETWEEN_ROWS + CAPTION
    # the picture and the fusion stand beside the middle row, or between the middle two
    middle = median(row[0].middle for row in rows)
    picture, fused = (
        Box(left, middle - PANEL * TALLEST / 2, PANEL, PANEL * TALLEST).fit(aspect)
        for left, aspect in ((lefts[0], image_aspect), (lefts[4], fused_aspect))
    )
    add_image(sheet, picture, shown.image, smooth=True)
    _caption(sheet, picture, _size(shown.image.shape[:2], unit=" px"))
    _draw_fused(sheet, shown, fused)
    _draw_flow(sheet, picture, rows, fused)
    return figure


def _draw_head(sheet: Axes, shown: Shown, title: str, lefts: Sequence[float]) -> None:
    tiles = f"{shown.num_tiles} tile{'s' * (shown.num_tiles > 1)}"
    phrase = scales_phrase([scale.scale for scale in shown.scales])
    line = f"{shown.model}, frozen. It runs once for each tile: {tiles}. Nothing is trained."
    add_text(sheet, MARGIN, 24, f"{title} at {phrase}", size=20, weight="bold", va="top")
    add_text(sheet, MARGIN, 54, line, size=13, color=QUIET, va="top")
    for left, step in zip(lefts, STEPS, strict=True):
        add_text(sheet, left, HEAD - 16, step, size=14, weight="bold")


def _draw_scale(sheet: Axes, scale: ShownScale, tiles: Box, features: Box, pooled: Box) -> None:
    px = tiles.width / _canvas(scale)[1]  # of the sheet, for one pixel of the picture
    image_h, image_w = scale.image.shape[:2]
    padded = Rectangle((tiles.left, tiles.top), tiles.width, tiles.height, color=PADDING, zorder=-1)
    sheet.add_patch(padded)
    image_box = Box(tiles.left, tiles.top, image_w * px, image_h * px)
    add_image(sheet, image_box, scale.image, smooth=True)
    # small tiles get thinner borders, or there would be nothing but borders
    thickness = min(1, max(0.35, scale.tile_hw[1] * px / 50))
    for top, left, bottom, right in scale.boxes_yxyx:
        corner, size = (tiles.left + left * px, tiles.top + top * px), (right - left, bottom - top)
        for colour, width in ((HALO, 2.6 * thickness), (BORDER, 1.3 * thickness)):
            border = Rectangle(corner, size[0] * px, size[1] * px, fill=False, zorder=3)
            border.set(edgecolor=colour, linewidth=width)
            sheet.add_patch(border)
    add_image(sheet, features, scale.stitched_rgb)
    add_image(sheet, pooled, scale.pooled_rgb)
    num, overlap = len(scale.boxes_yxyx), _covered_twice(scale)
    if overlap.any():
        tint = np.where(overlap[..., None], np.array([1, 1, 1, 0.35]), 0)
        add_image(sheet, tiles, tint)
    kind = f"{'overlapping ' if overlap.any() else ''}tile{'s' if num > 1 else ''}"
    cut = f"{num} {kind} of {_size(scale.tile_hw, short=True)}"
    image_size = _size(scale.image.shape[:2], unit=" px")
    _caption(sheet, tiles, f"{image_size} · {cut}", name=f"scale {format_scale(scale.scale)}")
    dim, *cells_hw = scale.stitched.shape
    _caption(sheet, features, f"{_size(cells_hw)} cells × {dim:,} channels")
    _caption(sheet, pooled, f"{_size(scale.pooled_rgb.shape[:2])} cells × {dim:,} channels")


def _draw_fused(sheet: Axes, shown: Shown, box: Box) -> None:
    add_image(sheet, box, shown.fused_rgb)
    channels, *cells_hw = shown.fused.shape
    _caption(sheet, box, f"{_size(cells_hw)} cells × {channels:,} channels", name="S² features")
    num = len(shown.scales)
    if num > 1:
        sums = " + ".join([f"{shown.dim:,}"] * num) if num < 4 else f"{num} × {shown.dim:,}"
        below = f"{sums} = {channels:,} channels,\nas many cells as one tile gives"
        add_text(sheet, box.left, box.bottom + 8, below, size=11, color=QUIET, va="top")


def _draw_flow(sheet: Axes, picture: Box, rows: list[list[Box]], fused: Box) -> None:
    """From the picture to each row, along it, and together into the fusion."""
    fork, join = (
        (rows[0][0].left + picture.right) / 2 - 4,
        (rows[0][-1].right + fused.left) / 2 - 4,
    )
    for row in rows:
        y = row[0].middle
        for start, end in pairwise(row):
            _line(sheet, (start.right + 10, y), (end.left - 10, y), arrow=True)
        _line(sheet, (fork, picture.middle), (fork, y), (row[0].left - 10, y), arrow=True)
        _line(sheet, (row[-1].right + 10, y), (join, y), (join, fused.middle))
    _line(sheet, (picture.right + 10, picture.middle), (fork, picture.middle))
    _line(sheet, (join, fused.middle), (fused.left - 10, fused.middle), arrow=True)


def _line(sheet: Axes, *points: tuple[float, float], arrow: bool = False) -> None:
    """Through points, with a head at the last one if wished."""
    sheet.plot(*zip(*points, strict=True), color=QUIET, linewidth=1.2, solid_capstyle="projecting")
    if arrow:
        style = {"arrowstyle": "-|>", "mutation_scale": 12, "linewidth": 0, "color": QUIET}
        style |= {"shrinkA": 0, "shrinkB": 0}
        sheet.annotate("", points[-1], xytext=points[-2], arrowprops=style)


def _caption(sheet: Axes, box: Box, text: str, *, name: str = "") -> None:
    """Above a box: its name, and what it holds."""
    add_text(sheet, box.left, box.top - 8, text, size=11.5, color=QUIET)
    add_text(sheet, box.left, box.top - 24, name, size=13, weight="bold")


def _covered_twice(scale: ShownScale) -> Bool[np.ndarray, "h w"]:
    """The pixels that more than one tile sees."""
    seen = np.zeros(_canvas(scale), dtype=np.int32)
    for top, left, bottom, right in scale.boxes_yxyx:
        seen[top:bottom, left:right] += 1
    return seen > 1


def _canvas(scale: ShownScale) -> HW:
    """The resized picture with the padding that its tiles reach into, in pixels."""
    height, width = scale.image.shape[:2]
    bottoms, rights = zip(*((box[2], box[3]) for box in scale.boxes_yxyx), strict=True)
    return max(height, *bottoms), max(width, *rights)


def _aspect(hw: Sequence[int]) -> float:
    return hw[0] / hw[1]


def _size(hw: Sequence[int], *, unit: str = "", short: bool = False) -> str:
    """`448×448 px`, or `224` of a square where short."""
    return f"{hw[0]}" if short and hw[0] == hw[1] else f"{hw[0]}×{hw[1]}{unit}"
