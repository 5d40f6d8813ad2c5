"""The sections of a page, in their order. Each shows itself where its records are there."""

from collections.abc import Callable
from typing import TypeAlias

from markupsafe import Markup

from polyscale.report.run import Run
from polyscale.report.sections.addons import (
    budgets_section,
    cascades_section,
    controls_section,
    probes_section,
)
from polyscale.report.sections.answer import answer_section, equal_cost_section
from polyscale.report.sections.arms import arms_section
from polyscale.report.sections.calibration import calibration_section
from polyscale.report.sections.candidates import (
    candidates_section,
    chart_section,
    contrasts_section,
)
from polyscale.report.sections.capacity import capacity_section
from polyscale.report.sections.classes import classes_section
from polyscale.report.sections.data import data_section
from polyscale.report.sections.episodes import episodes_section
from polyscale.report.sections.floors import floors_section
from polyscale.report.sections.gallery import answers_gallery, maps_gallery
from polyscale.report.sections.hard import hard_section
from polyscale.report.sections.heads import heads_section
from polyscale.report.sections.method import method_section
from polyscale.report.sections.questions import questions_answer, questions_section
from polyscale.report.sections.reconstruction import larger_model_section, reconstruction_section
from polyscale.report.sections.repeats import repeats_section
from polyscale.report.sections.sizes import sizes_section

Section: TypeAlias = Callable[[Run], Markup | None]
"""A part of the page, or None where a run has nothing for it.

Its first element is a `<section id="…" data-nav="…">` if it is to be in the list of links. Text
that is not `Markup` is escaped.
"""

FINDINGS: tuple[Section, ...] = (
    answer_section,
    arms_section,
    questions_answer,
    questions_section,
    reconstruction_section,
    data_section,
    chart_section,
    floors_section,
    equal_cost_section,
    capacity_section,
    episodes_section,
    candidates_section,
    contrasts_section,
    heads_section,
    hard_section,
    larger_model_section,
    repeats_section,
    budgets_section,
    cascades_section,
    controls_section,
    probes_section,
    sizes_section,
    classes_section,
    calibration_section,
    answers_gallery,
    maps_gallery,
)
ABOUT: tuple[Section, ...] = (method_section,)
