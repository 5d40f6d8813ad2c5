"""The candidates that are shown side by side: one scale, several scales, the larger model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from polyscale.records import Result
from polyscale.report.series import single_scale

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
    """Up to three candidates, and which pairs of them are compared.

    Attributes:
        roles: in the order in which they are shown.
        s2: the one with several scales; None where there is none.
        others: what it is compared with: its single scale, the larger model, as far as run.
    """

    roles: tuple[Role, ...]
    s2: Role | None
    others: tuple[Role, ...]


def sides_of(
    results: Sequence[Result], pairs: Iterable[tuple[Result, Result | None]]
) -> list[Sides]:
    """For each candidate with several scales what it stands against.

    Args:
        results: rows of the run.
        pairs: that candidate, and the larger one that it stands against.

    Returns:
        One entry a pair; without pairs, one with the first candidates as they come.
    """
    found = [_sides(results, s2, larger) for s2, larger in pairs]
    if found:
        return found
    colours = ("var(--quiet)", "var(--accent)", "var(--mark-1)")
    roles = [
        Role("", result, css) for result, css in zip(results[:MAX_ROLES], colours, strict=False)
    ]
    return [Sides(tuple(roles), None, ())]


def _sides(results: Sequence[Result], s2: Result, larger: Result | None) -> Sides:
    single = single_scale(results, s2)
    several = Role("several scales", s2, "var(--accent)")
    one = Role("single scale", single, "var(--quiet)") if single else None
    large = Role("larger model", larger, "var(--mark-1)") if larger else None
    others = tuple(role for role in (one, large) if role)
    return Sides(tuple(role for role in (one, several, large) if role), several, others)
