"""The candidates that a page sets side by side: one scale, several scales, the larger model."""

from collections.abc import Sequence
from dataclasses import dataclass

from polyscale.records import Contrast, Result
from polyscale.report.run import Run
from polyscale.report.series import single_scale

MAX_ROLES = 3


@dataclass(frozen=True, kw_only=True)
class ScaleGain:
    """What several scales did for a backbone, `contrast` with the several scales first."""

    name: str
    single: Result
    multi: Result
    contrast: Contrast


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
    """Up to three candidates, and which pairs of them are compared.

    Attributes:
        roles: in the order in which they are shown.
        s2: the one with several scales; None where there is none.
        others: what it is compared with: its single scale, the larger model, as far as run.
    """

    roles: tuple[Role, ...]
    s2: Role | None
    others: tuple[Role, ...]


def scale_gains(run: Run) -> list[ScaleGain]:
    """For each backbone: scale 1 against its several scales, chosen on the training images."""
    found = []
    for backbone in dict.fromkeys(result.backbone for result in run.results):
        rows = [result for result in run.results if result.backbone == backbone]
        single = next((r for r in rows if r.scales == (1,)), None)
        multi = max((r for r in rows if len(r.scales) > 1), key=selection, default=None)
        if single is not None and multi is not None:
            contrast = run.contrast(multi.candidate, single.candidate)
            name = run.models[backbone]
            found.append(ScaleGain(name=name, single=single, multi=multi, contrast=contrast))
    return found


def selection(result: Result) -> float:
    """What candidates are chosen by, turned so that more is better."""
    return result.sign * result.selection_value


def sides_of(run: Run) -> list[Sides]:
    """For each candidate with several scales that the page is about what it stands against.

    Those are the ones of verdicts, and of backbones without a verdict the best scales. Without
    any there is one entry, with the first candidates as they come.
    """
    pairs: list[tuple[Result, Result | None]] = [(v.s2, v.larger) for v in run.verdicts]
    judged = {v.s2.backbone for v in run.verdicts}
    pairs += [(g.multi, None) for g in scale_gains(run) if g.multi.backbone not in judged]
    if pairs:
        return [_sides(run.results, s2, larger) for s2, larger in pairs]
    colours = ("var(--quiet)", "var(--accent)", "var(--mark-1)")
    shown = zip(run.results[:MAX_ROLES], colours, strict=False)
    return [Sides(tuple(Role("", result, css) for result, css in shown), None, ())]


def _sides(results: Sequence[Result], s2: Result, larger: Result | None) -> Sides:
    single = single_scale(results, s2)
    several = Role("several scales", s2, "var(--accent)")
    one = Role("single scale", single, "var(--quiet)") if single else None
    large = Role("larger model", larger, "var(--mark-1)") if larger else None
    others = tuple(role for role in (one, large) if role)
    return Sides(tuple(role for role in (one, several, large) if role), several, others)
