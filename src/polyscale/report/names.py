"""Candidates as a reader sees them: their names, how families are drawn, what a line joins."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from polyscale.records import Result
from polyscale.report.numbers import NBSP
from polyscale.types import format_scale

# Okabe and Ito's palette, which colour-blind readers tell apart, without its yellow and black; the
# last three darker, to stand out from white (3 : 1 and more)
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#B8618F", "#B87D00", "#2B8CC4")
# the same hues, dark enough for text on white (4.5 : 1 and more)
INKS = ("#0069A3", "#B34F00", "#007A59", "#9C4A78", "#8F6300", "#1F739F")
MARKERS = ("circle", "square", "triangle", "diamond")


@dataclass(frozen=True)
class FamilyStyle:
    """How a family is drawn: one colour and one shape, so that they differ in grey print too."""

    colour: str  # of marks and lines
    ink: str  # of text, darker
    marker: str
    css: str  # name of the colour in a page, which has another colour in the dark


def scales_text(scales: Iterable[float]) -> str:
    """`1, 2, 3`."""
    return ", ".join(format_scale(scale) for scale in scales)


def scales_phrase(scales: Sequence[float]) -> str:
    """`scale 1`, `scales 1, 2, 3`."""
    return f"scale{'s' * (len(scales) > 1)} {scales_text(scales)}"


def larger_phrase(name: str) -> str:
    """`the larger lite2`; a model that is itself called larger is `the larger model`."""
    return f"the larger {'model' if name == 'larger' else name}"


def model_names(results: Iterable[Result]) -> dict[str, str]:
    """For each backbone its name without the source, unless two would then be the same."""
    backbones = {result.backbone for result in results}
    short = {backbone: backbone.partition(":")[2] or backbone for backbone in backbones}
    counts = Counter(short.values())
    return {backbone: name if counts[name] == 1 else backbone for backbone, name in short.items()}


def chart_names(results: Iterable[Result], limit: int) -> dict[str, str]:
    """For each backbone a name of at most `limit` characters.

    A longer name loses what follows its first dot, which in timm's names is the name of the
    weights, unless two models would then have the same name. A name that is still too long loses
    its middle, since both ends tell models apart.
    """
    names = model_names(results)
    heads = {backbone: name.partition(".")[0] for backbone, name in names.items()}
    counts = Counter(heads.values())
    shown = {}
    for backbone, name in names.items():
        head = heads[backbone]
        text = head if len(name) > limit and head and counts[head] == 1 else name
        end = limit // 2
        is_short = len(text) <= limit
        shown[backbone] = text if is_short else f"{text[: limit - end - 1]}…{text[-end:]}"
    return shown


def short_names(results: Sequence[Result]) -> dict[str, str]:
    """For each candidate, for example `efficientnet_lite0 @ 1, 2`; a line breaks before the `@`."""
    models = model_names(results)
    scales = {r.candidate: f"@ {scales_text(r.scales)}".replace(" ", NBSP) for r in results}
    return {r.candidate: f"{models[r.backbone]} {scales[r.candidate]}" for r in results}


def family_styles(results: Iterable[Result]) -> dict[str, FamilyStyle]:
    """For each family its style, in the order in which families first appear."""
    families = dict.fromkeys(result.family for result in results)
    return {
        family: FamilyStyle(
            COLOURS[i % len(COLOURS)],
            INKS[i % len(INKS)],
            MARKERS[i % len(MARKERS)],
            f"var(--mark-{i % len(COLOURS)})",
        )
        for i, family in enumerate(families)
    }


def size_lines(results: Iterable[Result]) -> list[list[Result]]:
    """For each family with two sizes: its models at scale 1, by rising multiply-adds."""
    return _lines((r.family, r) for r in results if r.scales == (1,))


def scale_lines(results: Iterable[Result]) -> list[list[Result]]:
    """For each backbone with two sets of scales: all of them, by rising multiply-adds."""
    return _lines((r.backbone, r) for r in results)


def _lines(keyed: Iterable[tuple[str, Result]]) -> list[list[Result]]:
    groups: dict[str, list[Result]] = {}
    for key, result in keyed:
        groups.setdefault(key, []).append(result)
    return [sorted(rows, key=lambda r: r.macs) for rows in groups.values() if len(rows) > 1]
