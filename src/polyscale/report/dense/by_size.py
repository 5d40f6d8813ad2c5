"""IoU by size of object: do several scales help detail?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, isqrt, sqrt

from polyscale.report.dense.sides import Role, Sides
from polyscale.report.dense.tables import Share, Sizes
from polyscale.report.plot import Plot, Series, place
from polyscale.report.vocabulary import MEAN_IOU

MIN_OBJECTS = 20
"""Fewer objects of a size are not spoken of."""
BIN_RATIO = 4
"""Of an open bin's middle to its end, as of the bins between."""
DODGE = 1.12  # lines stand beside each other


@dataclass(frozen=True, kw_only=True)
class SizeRow:
    """Objects of a size: how many, their mean IoU by role, the gains over the other roles."""

    title: str
    num: int
    iou: tuple[Share | None, ...]
    gains: tuple[Share | None, ...]


@dataclass(frozen=True, kw_only=True)
class SizePage:
    """A family by size of object.

    Attributes:
        sides: its candidates.
        against: the roles that gains are over.
        plot: lines of the roles over size.
        rows: the smallest size first.
        sentence: whether small objects gain more.
        limit: where the axis of gains ends, in tenths.
    """

    sides: Sides
    against: tuple[Role, ...]
    plot: Plot | None
    rows: tuple[SizeRow, ...]
    sentence: str
    limit: float


def size_pages(sizes: Sizes, sides: Sequence[Sides]) -> list[SizePage]:
    """One for each candidate with several scales that the report is about."""
    return [_page(sizes, own) for own in sides]


def _page(sizes: Sizes, sides: Sides) -> SizePage:
    s2 = sides.s2
    found = [
        (role, gain)
        for role in sides.others
        if s2 and (gain := sizes.gain(s2.candidate, role.candidate))
    ]
    titles = bin_titles(sizes.edges_px)
    rows = tuple(
        SizeRow(
            title=title,
            num=num,
            iou=tuple(sizes.iou[role.candidate][i] for role in sides.roles),
            gains=tuple(gain[i] for _, gain in found),
        )
        for i, (title, num) in enumerate(zip(titles, sizes.num_objects, strict=True))
    )
    single = next((gain for role, gain in found if role.title == "single scale"), None)
    return SizePage(
        sides=sides,
        against=tuple(role for role, _ in found),
        plot=_plot(sizes, sides, titles),
        rows=rows,
        sentence=size_sentence(titles, sizes.num_objects, single) if single else "",
        limit=_limit([gain for _, own in found for gain in own if gain]),
    )


def _limit(gains: Sequence[Share]) -> float:
    ends = [abs(end) for gain in gains for end in (gain.ci_low, gain.ci_high)]
    return max(1, ceil(max(ends, default=0) / 0.1)) / 10


def bin_titles(edges_px: Sequence[float | None]) -> list[str]:
    """`under 16²`, `16²–32²`, `128² and more`: areas as squares, in pixels."""
    titles = []
    for low, high in pairwise(edges_px):
        if high is None:
            titles.append(f"{_square(low or 0)} and more")
        else:
            titles.append(f"{_square(low)}–{_square(high)}" if low else f"under {_square(high)}")
    return titles


def size_sentence(
    titles: Sequence[str], num_objects: Sequence[int], gains: Sequence[Share | None]
) -> str:
    """Which objects several scales help most, as far as intervals tell.

    Args:
        titles: of the bins, the smallest first.
        num_objects: in each.
        gains: of several scales over one.
    """
    told = [
        (title, gain)
        for title, num, gain in zip(titles, num_objects, gains, strict=True)
        if gain and num >= MIN_OBJECTS
    ]
    if len(told) < 2:
        return f"Too few objects to tell: fewer than two sizes have {MIN_OBJECTS} of them."
    (small_title, small), (large_title, large) = told[0], told[-1]
    figures = (
        f"{_finding(small)} on objects of {small_title} px, "
        f"{_finding(large)} on those of {large_title} px"
    )
    best_title, best = max(told[1:-1], key=lambda pair: pair[1].value, default=told[0])
    if best.ci_low > max(0, small.ci_high, large.ci_high):
        return (
            f"Several scales help objects of {best_title} px most: {_finding(best)}, against "
            f"{figures}."
        )
    if small.ci_low > large.ci_high:
        if small.ci_low > 0:
            return f"Several scales help small objects most: {figures}."
        return f"Several scales cost large objects more than small ones: {figures}."
    if large.ci_low > small.ci_high:
        return (
            f"Here several scales don’t help detail more: {figures}. Scales are expected to show "
            "small objects better; on these images it is the other way round."
        )
    return (
        f"Whether several scales help small objects more, these images can’t tell: {figures}; "
        "the intervals overlap."
    )


def _finding(gain: Share) -> str:
    return MEAN_IOU.finding(gain.value, gain.ci_low, gain.ci_high)


def _square(area_px: float | None) -> str:
    side = isqrt(int(area_px or 0))
    return f"{side}²" if side**2 == area_px else f"{area_px or 0:,.0f}"


def _plot(sizes: Sizes, sides: Sides, titles: Sequence[str]) -> Plot | None:
    """Lines of the roles over log area; None where no bin holds an object."""
    middles = [_middle(low, high) for low, high in pairwise(sizes.edges_px)]
    lines = []
    for number, role in enumerate(sides.roles):
        shift = DODGE ** (number - (len(sides.roles) - 1) / 2)
        own = [(x, s) for x, s in zip(middles, sizes.iou[role.candidate], strict=True) if s]
        if own:
            lines.append(
                Series(
                    x=[x * shift for x, _ in own],
                    y=[share.value for _, share in own],
                    low=[share.ci_low for _, share in own],
                    high=[share.ci_high for _, share in own],
                    style="several" if role == sides.s2 else "one",
                    colour=role.css,
                )
            )
    if not lines:
        return None
    names: Mapping[float, str] = dict(zip(middles, map(_short, titles), strict=True))
    return place(
        lines,
        x_label="pixels of the object",
        x_text=lambda x: names[x],
        x_at=middles,
        x_pad=0.08,
    )


def _short(title: str) -> str:
    return title.replace("under ", "< ").replace(" and more", " +")


def _middle(low: float | None, high: float | None) -> float:
    """Of a bin, in log area."""
    if not low:
        return (high or 1) / sqrt(BIN_RATIO)
    return sqrt(low * high) if high else low * sqrt(BIN_RATIO)
