"""IoU by size of object: do several scales help detail?"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isqrt, sqrt

from markupsafe import Markup

from polyscale.records import Estimate, Gain, Sizes
from polyscale.report.metric_words import MetricWords
from polyscale.report.numbers import interval_limit
from polyscale.report.plot import Plot, Series, place
from polyscale.report.render import render
from polyscale.report.run import Run
from polyscale.report.sides import Role, Sides, sides_of

MIN_OBJECTS = 20
"""Sizes with fewer objects are not mentioned in sentences."""
BIN_RATIO = 4
"""Ratio of an open bin's middle to its end, as in the bins between."""
DODGE = 1.12  # lines stand beside each other


@dataclass(frozen=True, kw_only=True)
class SizeRow:
    """Objects of a size: how many, their mean IoU by role, the gains over the other roles."""

    title: str
    num: int
    iou: tuple[Estimate | None, ...]
    gains: tuple[Gain | None, ...]


@dataclass(frozen=True, kw_only=True)
class SizePage:
    """A family by size of object."""

    sides: Sides
    against: tuple[Role, ...]  # the roles that gains are over
    plot: Plot | None
    rows: tuple[SizeRow, ...]  # the smallest size first
    sentence: str  # whether small objects gain more
    limit: float  # where the axis of gains ends


def sizes_section(run: Run) -> Markup | None:
    """IoU of objects by their size, for each family; a note where it was not kept."""
    if run.sizes is None and not run.task.counts_classes:
        return None
    sizes = run.sizes
    return render(
        "sizes.html",
        run=run,
        pages=size_pages(run, sizes) if sizes else (),
        titles=bin_titles(sizes.edges_px) if sizes else (),
    )


def size_pages(run: Run, sizes: Sizes) -> list[SizePage]:
    """One for each candidate with several scales that the report is about."""
    return [_page(sizes, sides, run.words) for sides in sides_of(run)]


def _page(sizes: Sizes, sides: Sides, words: MetricWords) -> SizePage:
    gains = [
        (role, bins)
        for role in sides.others
        if sides.s2 and (bins := sizes.gain(sides.s2.candidate, role.candidate))
    ]
    titles = bin_titles(sizes.edges_px)
    rows = tuple(
        SizeRow(
            title=title,
            num=num,
            iou=tuple(sizes.iou[role.candidate][i] for role in sides.roles),
            gains=tuple(bins[i] for _, bins in gains),
        )
        for i, (title, num) in enumerate(zip(titles, sizes.num_objects, strict=True))
    )
    sentences = [
        size_sentence(titles, sizes.num_objects, bins, words)
        for role, bins in gains
        if role.title == "single scale"
    ]
    intervals = ((gain.ci_low, gain.ci_high) for _, bins in gains for gain in bins if gain)
    return SizePage(
        sides=sides,
        against=tuple(role for role, _ in gains),
        plot=_plot(sizes, sides, titles),
        rows=rows,
        sentence=" ".join(sentences),
        limit=interval_limit(intervals, 0.1),
    )


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
    titles: Sequence[str],
    num_objects: Sequence[int],
    gains: Sequence[Gain | None],
    words: MetricWords,
) -> str:
    """Which objects several scales help most, as far as intervals tell; the smallest bins first."""

    def finding(gain: Gain) -> str:
        return words.finding(gain.difference, gain.ci_low, gain.ci_high)

    told = [
        (title, gain)
        for title, num, gain in zip(titles, num_objects, gains, strict=True)
        if gain and num >= MIN_OBJECTS
    ]
    if len(told) < 2:
        return f"Too few objects to tell: fewer than two sizes have {MIN_OBJECTS} of them."
    (small_title, small), (large_title, large) = told[0], told[-1]
    figures = (
        f"{finding(small)} on objects of {small_title} px, "
        f"{finding(large)} on those of {large_title} px"
    )
    best_title, best = max(told[1:-1], key=lambda pair: pair[1].difference, default=told[0])
    if best.ci_low > max(0, small.ci_high, large.ci_high):
        return (
            f"Several scales help objects of {best_title} px most: {finding(best)}, against "
            f"{figures}."
        )
    if small.ci_low > large.ci_high:
        if small.ci_low > 0:
            return f"Several scales help small objects most: {figures}."
        return f"Several scales cost large objects more than small ones: {figures}."
    if large.ci_low > small.ci_high:
        return (
            f"Here several scales help large objects more than small ones: {figures}. Scales are "
            "expected to show small objects better; on these images it is the other way round."
        )
    return (
        f"These images can’t tell whether several scales help small objects more: {figures}; "
        "the intervals overlap."
    )


def _square(area_px: float | None) -> str:
    side = isqrt(int(area_px or 0))
    return f"{side}²" if side**2 == area_px else f"{area_px or 0:,.0f}"


def _plot(sizes: Sizes, sides: Sides, titles: Sequence[str]) -> Plot | None:
    """Lines of the roles over log area; None where no bin holds an object."""
    middles = [_middle(low, high) for low, high in pairwise(sizes.edges_px)]
    lines = []
    for number, role in enumerate(sides.roles):
        shift = DODGE ** (number - (len(sides.roles) - 1) / 2)
        bins = zip(middles, sizes.iou[role.candidate], strict=True)
        points = [(x * shift, estimate) for x, estimate in bins if estimate]
        if points:
            lines.append(
                Series(
                    x=[x for x, _ in points],
                    y=[estimate.value for _, estimate in points],
                    low=[estimate.ci_low for _, estimate in points],
                    high=[estimate.ci_high for _, estimate in points],
                    style="several" if role == sides.s2 else "one",
                    colour=role.css,
                )
            )
    if not lines:
        return None
    short = [title.replace("under ", "< ").replace(" and more", " +") for title in titles]
    return place(
        lines,
        x_label="pixels of the object",
        x_text=dict(zip(middles, short, strict=True)).__getitem__,
        y_text=lambda share: f"{100 * share:.3g} %",
        x_at=middles,
        x_pad=0.08,
    )


def _middle(low: float | None, high: float | None) -> float:
    """Of a bin, in log area."""
    if not low:
        return (high or 1) / sqrt(BIN_RATIO)
    return sqrt(low * high) if high else low * sqrt(BIN_RATIO)
