"""Which candidates form a line of the chart, and how each family is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from polyscale.records import Result

# Okabe and Ito's palette, which colour-blind readers tell apart, without its yellow and black; the
# last three darker, to stand out from white (3 : 1 and more)
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#B8618F", "#B87D00", "#2B8CC4")
# the same hues, dark enough for text on white (4.5 : 1 and more)
INKS = ("#0069A3", "#B34F00", "#007A59", "#9C4A78", "#8F6300", "#1F739F")
MARKERS = ("circle", "square", "triangle", "diamond")


@dataclass(frozen=True)
class FamilyStyle:
    """How a family is drawn: one colour and one shape, so that grey print tells it too.

    Attributes:
        colour: of marks and lines.
        ink: of text, a darker one.
        marker: the shape's name.
        css: name of the colour in a page, which has another in the dark.
    """

    colour: str
    ink: str
    marker: str
    css: str


@dataclass(frozen=True)
class Series:
    """Candidates that one line joins, by rising multiply-adds.

    Attributes:
        kind: `size` joins the models of a family at one scale, `scale` one model's scale sets.
        name: the family or the backbone.
        style: of the family.
        results: the points.
    """

    kind: Literal["size", "scale"]
    name: str
    style: FamilyStyle
    results: tuple[Result, ...]


def family_styles(results: Sequence[Result]) -> dict[str, FamilyStyle]:
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


def size_series(results: Sequence[Result]) -> list[Series]:
    """For each family with two sizes: its models at scale 1."""
    found = []
    for family, style in family_styles(results).items():
        sizes = [r for r in results if r.family == family and r.scales == (1,)]
        if len(sizes) > 1:
            found.append(Series("size", family, style, _by_macs(sizes)))
    return found


def scale_series(results: Sequence[Result]) -> list[Series]:
    """For each backbone with two scale sets: all of them."""
    styles = family_styles(results)
    found = []
    for backbone in dict.fromkeys(result.backbone for result in results):
        own = [r for r in results if r.backbone == backbone]
        if len(own) > 1:
            found.append(Series("scale", backbone, styles[own[0].family], _by_macs(own)))
    return found


def single_scale(results: Sequence[Result], s2: Result) -> Result | None:
    """The row of the same backbone at scale 1, where it was run."""
    return next((r for r in results if (r.backbone, r.scales) == (s2.backbone, (1,))), None)


def _by_macs(results: Sequence[Result]) -> tuple[Result, ...]:
    return tuple(sorted(results, key=lambda r: r.macs))
