import re
from dataclasses import replace

from polyscale.report.sections.repeats import (
    drawn_contrast,
    key_contrasts,
    outcome_sentences,
    repeats_section,
)


def test_a_run_without_repeats_has_no_section(run):
    assert repeats_section(replace(run, repeats=None)) is None


def test_what_to_take_and_outcomes_are_counted(run):
    take, *families = outcome_sentences(run, run.repeats)
    assert take.startswith("What to take in 3 draws: ")
    assert len(families) == len(run.verdicts)
    for sentence in (take, *families):
        counts = re.findall(r"\((\d)\)", sentence.partition("draws: ")[2])
        assert sum(map(int, counts)) == len(run.repeats.draws)
    for sentence, verdict in zip(families, run.verdicts, strict=True):
        assert sentence.startswith(f"Verdict on {verdict.family}: ")


def test_pairs_are_those_of_the_answer_in_their_order(run):
    pairs = key_contrasts(run)
    assert {(v.contrast.first, v.contrast.second) for v in run.verdicts} <= {
        (c.first, c.second) for c in pairs
    }
    for contrast in pairs:
        drawn = drawn_contrast(run.repeats, contrast)
        assert (drawn.first, drawn.second) == (contrast.first, contrast.second)
        assert drawn == drawn.turned().turned()


def test_the_section_shows_every_draw_and_what_intervals_cover(run):
    section = str(repeats_section(run))
    dots = section.count('r="4"')
    assert dots == len(run.repeats.draws) * len(run.rows)
    assert "random half of the training images" in section
    assert "covers the choice of test images only" in section
    split = replace(run, repeats=replace(run.repeats, drawn="split"))
    assert "Nadeau and Bengio" in str(repeats_section(split))
