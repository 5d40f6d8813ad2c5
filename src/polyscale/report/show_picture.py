"""S² at a glance: picture → tiles of each scale → features → one grid → joined channels."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

import numpy as np
from jaxtyping import Bool
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from polyscale.records.shown import Shown, ShownScale
from polyscale.report.names import scales_phrase
from polyscale.report.sheet import QUIET, Box, Sheet
from polyscale.types import HW, format_scale

# Okabe and Ito's vermilion on white: told apart by all eyes, on dark and on light pictures
BORDER, HALO, PADDING = "#D55E00", "white", "#eceff1"
MARGIN, PANEL, GAP = 28, 208, 52
HEAD, CAPTION, BETWEEN_ROWS, FOOT = 124, 40, 14, 44
TALLEST = 1.4  # height / width of a panel's place; what is taller gets narrower

STEPS = (
    "The picture",
    "1  Resize, cut into tiles",
    "2  Same model, every tile",
    "3  Pool to one grid",
    "4  Join the channels",
)


def draw_shown(shown: Shown, *, title: str) -> Figure:
    """One row a scale; reading goes from left to right.

    Args:
        shown: what the study found.
        title: of the picture, for example the file's name.
    """
    aspects = [_aspect(_canvas(scale)) for scale in shown.scales]
    heights = [PANEL * min(TALLEST, aspect) for aspect in aspects]
    rows_h = sum(heights) + len(heights) * (CAPTION + BETWEEN_ROWS)
    image_aspect = _aspect(shown.image.shape)
    fused_aspect = _aspect(shown.scales[-1].image.shape)
    alone_h = PANEL * min(TALLEST, max(image_aspect, fused_aspect)) + CAPTION + 3 * BETWEEN_ROWS
    rows_h = max(rows_h, alone_h)
    sheet = Sheet.of(2 * MARGIN + 5 * PANEL + 4 * GAP, HEAD + rows_h + FOOT)
    lefts = [MARGIN + i * (PANEL + GAP) for i in range(5)]
    _draw_head(sheet, shown, title, lefts)

    rows: list[list[Box]] = []
    top = float(HEAD + CAPTION)
    for scale, aspect, height in zip(shown.scales, aspects, heights, strict=True):
        tiles, *maps = (Box(left, top, PANEL, height) for left in lefts[1:4])
        own = _aspect(scale.image.shape)
        rows.append([tiles.fit(aspect), *(place.fit(own) for place in maps)])
        _draw_scale(sheet, scale, rows[-1])
        top += height + BETWEEN_ROWS + CAPTION
    # the picture and the fusion stand beside the middle row, or between the middle two
    middle = median(row[0].middle for row in rows)
    picture, fused = (
        Box(left, middle - PANEL * TALLEST / 2, PANEL, PANEL * TALLEST).fit(aspect)
        for left, aspect in ((lefts[0], image_aspect), (lefts[4], fused_aspect))
    )
    sheet.picture(picture, shown.image, smooth=True)
    _caption(sheet, picture, _size(shown.image.shape[:2], unit=" px"))
    _draw_fused(sheet, shown, fused)
    _draw_flow(sheet, picture, rows, fused)
    return sheet.figure


def _draw_head(sheet: Sheet, shown: Shown, title: str, lefts: Sequence[float]) -> None:
    tiles = f"{shown.num_tiles} tile{'s' * (shown.num_tiles > 1)}"
    phrase = scales_phrase([scale.scale for scale in shown.scales])
    sheet.text(MARGIN, 24, f"{title} at {phrase}", size=20, bold=True)
    line = f"{shown.model}, frozen. It runs once a tile: {tiles}. Nothing is trained."
    sheet.text(MARGIN, 54, line, size=13, colour=QUIET)
    for left, step in zip(lefts, STEPS, strict=True):
        sheet.text(left, HEAD - 16, step, size=14, bold=True, vertical="baseline")
    foot = (
        "Colours: the first three principal components of the features. "
        "Like colours are like features; a colour alone means nothing."
    )
    sheet.text(MARGIN, sheet.height - 18, foot, size=11, colour=QUIET, vertical="baseline")


def _draw_scale(sheet: Sheet, scale: ShownScale, places: list[Box]) -> None:
    tiles, features, pooled = places
    axes = sheet.picture(tiles, scale.image, smooth=True)
    axes.set_xlim(0, _canvas(scale)[1])
    axes.set_ylim(_canvas(scale)[0], 0)
    axes.add_patch(Rectangle((0, 0), *_canvas(scale)[::-1], color=PADDING, zorder=-1))
    # small tiles get thinner borders, or there would be nothing but borders
    tile_px = scale.tile_hw[1] * tiles.width / _canvas(scale)[1]
    thin = min(1, max(0.35, tile_px / 50))
    for top, left, bottom, right in scale.boxes_yxyx:
        for colour, width in ((HALO, 2.6 * thin), (BORDER, 1.3 * thin)):
            box = Rectangle((left, top), right - left, bottom - top, fill=False)
            box.set(edgecolor=colour, linewidth=width, clip_on=False, zorder=3)
            axes.add_patch(box)
    sheet.picture(features, scale.stitched_rgb)
    sheet.picture(pooled, scale.pooled_rgb)
    num, overlap = len(scale.boxes_yxyx), _covered_twice(scale)
    if overlap.any():
        tint = np.where(overlap[..., None], np.array([1, 1, 1, 0.35]), 0)
        axes.imshow(tint, extent=(0, overlap.shape[1], overlap.shape[0], 0), aspect="auto")
    kind = f"{'overlapping ' if overlap.any() else ''}tile{'s' if num > 1 else ''}"
    cut = f"{num} {kind} of {_size(scale.tile_hw, short=True)}"
    size = _size(scale.image.shape[:2], unit=" px")
    _caption(sheet, tiles, f"{size} · {cut}", name=f"scale {format_scale(scale.scale)}")
    dim, *cells_hw = scale.stitched.shape
    _caption(sheet, features, f"{_size(cells_hw)} cells × {dim:,} channels")
    _caption(sheet, pooled, f"{_size(scale.pooled_rgb.shape[:2])} cells × {dim:,} channels")


def _draw_fused(sheet: Sheet, shown: Shown, box: Box) -> None:
    sheet.picture(box, shown.fused_rgb)
    channels, *cells_hw = shown.fused.shape
    _caption(sheet, box, f"{_size(cells_hw)} cells × {channels:,} channels", name="S² features")
    if len(shown.scales) > 1:
        num = len(shown.scales)
        sums = " + ".join([f"{shown.dim:,}"] * num) if num < 4 else f"{num} × {shown.dim:,}"
        below = f"{sums} = {channels:,} channels,\nas many cells as one tile gives"
        sheet.text(box.left, box.bottom + 8, below, size=11, colour=QUIET)


def _draw_flow(sheet: Sheet, picture: Box, rows: list[list[Box]], fused: Box) -> None:
    """From the picture to each row, along it, and together into the fusion."""
    fork, join = (
        (rows[0][0].left + picture.right) / 2 - 4,
        (rows[0][-1].right + fused.left) / 2 - 4,
    )
    for row in rows:
        y = row[0].middle
        for start, end in pairwise(row):
            sheet.line((start.right + 10, y), (end.left - 10, y), arrow=True)
        sheet.line((fork, picture.middle), (fork, y), (row[0].left - 10, y), arrow=True)
        sheet.line((row[-1].right + 10, y), (join, y), (join, fused.middle))
    sheet.line((picture.right + 10, picture.middle), (fork, picture.middle))
    sheet.line((join, fused.middle), (fused.left - 10, fused.middle), arrow=True)


def _caption(sheet: Sheet, box: Box, words: str, *, name: str = "") -> None:
    """Above a box: its name, and what it holds."""
    sheet.text(box.left, box.top - 8, words, size=11.5, colour=QUIET, vertical="baseline")
    if name:
        sheet.text(box.left, box.top - 24, name, size=13, bold=True, vertical="baseline")


def _covered_twice(scale: ShownScale) -> Bool[np.ndarray, "h w"]:
    """The pixels that more than one tile sees."""
    seen = np.zeros(_canvas(scale), dtype=np.int32)
    for top, left, bottom, right in scale.boxes_yxyx:
        seen[top:bottom, left:right] += 1
    return seen > 1


def _canvas(scale: ShownScale) -> HW:
    """The resized picture with what its tiles reach beyond it, in pixels."""
    height, width = scale.image.shape[:2]
    bottoms, rights = zip(*((box[2], box[3]) for box in scale.boxes_yxyx), strict=True)
    return max(height, *bottoms), max(width, *rights)


def _aspect(hw: Sequence[int]) -> float:
    return hw[0] / hw[1]


def _size(hw: Sequence[int], *, unit: str = "", short: bool = False) -> str:
    """`448×448 px`, or `224` of a square where short."""
    return f"{hw[0]}" if short and hw[0] == hw[1] else f"{hw[0]}×{hw[1]}{unit}"
