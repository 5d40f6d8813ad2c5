"""The candidates that a page sets side by side: one scale, several scales, the larger model."""

from dataclasses import dataclass

from polyscale.records import Contrast, Result
from polyscale.report.run import Run

MAX_ROLES = 3


@dataclass(frozen=True)
class Role:
    """A candidate in its part, and the page's colour of that part."""

    title: str
    result: Result
    css: str

    @property
    def candidate(self) -> str:
        """As in the files."""
        return self.result.candidate


@dataclass(frozen=True)
class Sides:
    """Up to three candidates in the order in which they are shown.

    `s2` is the one with several scales, if there is one, and `others` are what it is compared
    with: its single scale and the larger model, as far as they were run.
    """

    roles: tuple[Role, ...]
    s2: Role | None = None
    others: tuple[Role, ...] = ()


def scale_gains(run: Run) -> list[Contrast]:
    """For each backbone: its several scales, chosen on the training images, against scale 1."""
    gains = []
    for backbone in dict.fromkeys(result.backbone for result in run.results):
        several = [r for r in run.results if r.backbone == backbone and len(r.scales) > 1]
        single, multi = run.at_scale_1(backbone), max(several, key=selection, default=None)
        if single is not None and multi is not None:
            gains.append(run.contrast(multi.candidate, single.candidate))
    return gains


def selection(result: Result) -> float:
    """What candidates are chosen by, turned so that more is better."""
    return result.sign * result.selection_value


def sides_of(run: Run) -> list[Sides]:
    """For each candidate with several scales that the page is about: what it is compared with.

    These candidates are those of the verdicts and, for backbones without a verdict, the best set of
    scales. If there are none, the only entry has the first candidates of the run.
    """
    pairs: list[tuple[Result, Result | None]] = [(v.s2, v.larger) for v in run.verdicts]
    judged = {v.s2.backbone for v in run.verdicts}
    others = [run.rows[gain.first] for gain in scale_gains(run)]
    pairs += [(s2, None) for s2 in others if s2.backbone not in judged]
    if pairs:
        return [_sides(run.at_scale_1(s2.backbone), s2, larger) for s2, larger in pairs]
    colours = ("var(--quiet)", "var(--accent)", "var(--mark-1)")
    shown = zip(run.results[:MAX_ROLES], colours, strict=False)
    return [Sides(tuple(Role("", result, css) for result, css in shown))]


def _sides(single: Result | None, s2: Result, larger: Result | None) -> Sides:
    several = Role("several scales", s2, "var(--accent)")
    before = [Role("single scale", single, "var(--quiet)")] if single else []
    after = [Role("larger model", larger, "var(--mark-1)")] if larger else []
    return Sides((*before, several, *after), several, (*before, *after))
