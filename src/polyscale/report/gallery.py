"""Test images on which candidates differ, in groups."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from polyscale.records import Verdict
from polyscale.report.names import scales_phrase
from polyscale.report.read import Picture

BOTH_FAIL = "Wrong with both, other candidates differ"


@dataclass(frozen=True)
class Group:
    """Images under one heading; `telling` where a verdict rests on them."""

    title: str
    pictures: tuple[Picture, ...]
    telling: bool


def group_pictures(
    pictures: Iterable[Picture], verdicts: Sequence[Verdict], models: Mapping[str, str]
) -> list[Group]:
    """By which side of a verdict is right; each image once, in the first group that it fits.

    Args:
        pictures: images on which candidates differ.
        verdicts: whose two sides make the groups.
        models: short name of each backbone.
    """
    groups: dict[str, list[Picture]] = {}
    for verdict in verdicts:
        for title in _titles(verdict, models):
            groups[title] = []
    telling = set(groups)
    if verdicts:
        groups[BOTH_FAIL] = []
    others = "Right with both, other candidates differ" if verdicts else "Candidates differ"
    groups[others] = []
    for picture in pictures:
        groups[_title(picture, verdicts, models) or others].append(picture)
    return [
        Group(title, tuple(found), telling=title in telling or not telling)
        for title, found in groups.items()
        if found
    ]


def _titles(verdict: Verdict, models: Mapping[str, str]) -> tuple[str, str]:
    """Of images that only the several scales get right, and only the larger model."""
    small = f"{models[verdict.s2.backbone]} at {scales_phrase(verdict.s2.scales)}"
    large = f"the larger {models[verdict.larger.backbone]}"
    return (
        f"Right with {small}, wrong with {large}",
        f"Right with {large}, wrong with {small}",
    )


def _title(picture: Picture, verdicts: Sequence[Verdict], models: Mapping[str, str]) -> str | None:
    for verdict in verdicts:
        s2 = picture.answers[verdict.s2.candidate].correct
        larger = picture.answers[verdict.larger.candidate].correct
        if s2 != larger:
            return _titles(verdict, models)[0 if s2 else 1]
    if any(not picture.answers[verdict.s2.candidate].correct for verdict in verdicts):
        return BOTH_FAIL
    return None
