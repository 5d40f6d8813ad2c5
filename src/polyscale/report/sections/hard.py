"""Test images on which the larger model gains most, each beside two easy ones of its class."""

from dataclasses import dataclass

from markupsafe import Markup

from polyscale.records import HardExamples, HardImage
from polyscale.report.hard_words import hard_finding, kind_of, kinds_text, turned_round
from polyscale.report.numbers import percent
from polyscale.report.render import render
from polyscale.report.run import Picture, Run
from polyscale.stats import UNUSUAL


@dataclass(frozen=True)
class HardCard:
    """A hard image with its facts.

    Each of `answers` holds a candidate, the class that it predicts, the probability that it gives
    to the right class, and whether its prediction is right.
    """

    image: HardImage
    kind: str
    picture: Picture
    easy: tuple[Picture, ...]
    answers: tuple[tuple[str, str, float, bool], ...]


@dataclass(frozen=True)
class HardPart:
    """What is shown of a family."""

    examples: HardExamples
    sentences: tuple[str, ...]
    cards: tuple[HardCard, ...]


def hard_section(run: Run) -> Markup | None:
    """What was found for each family, with pictures."""
    if not run.hard:
        return None
    parts = []
    for hard in run.hard:
        sentences = [hard_finding(run, hard), turned_round(run, hard), kinds_text(hard)]
        shown = (image for image in hard.images if image.id in run.hard_pictures)
        cards = tuple(_card(run, hard, image) for image in shown)
        parts.append(HardPart(hard, tuple(filter(None, sentences)), cards))
    return render("hard.html", run=run, parts=parts, unusual=percent(UNUSUAL))


def _card(run: Run, hard: HardExamples, image: HardImage) -> HardCard:
    said = (
        (hard.base, image.base_prediction, image.base_probability),
        (hard.s2, image.s2_prediction, image.s2_probability),
        (hard.larger, image.larger_prediction, image.larger_probability),
    )
    return HardCard(
        image=image,
        kind=kind_of(image),
        picture=run.hard_pictures[image.id],
        easy=tuple(run.hard_pictures[id_] for id_ in image.easy if id_ in run.hard_pictures),
        answers=tuple((run.names[n], text, p, text == image.label) for n, text, p in said),
    )
