from dataclasses import replace

import pytest

from polyscale.records import METRICS, Gain
from polyscale.report.metric_words import MetricWords
from polyscale.report.numbers import NBSP
from polyscale.report.sections.sizes import (
    bin_titles,
    size_pages,
    size_sentence,
    sizes_section,
)

TITLES = ["under 16²", "16²–32²", "128² and more"]
PLENTY = [100, 100, 100]
WORDS = MetricWords(METRICS["miou"])


def gain(value: float, half: float = 0.01) -> Gain:
    return Gain(value, value - half, value + half)


def test_areas_are_named_as_squares():
    assert bin_titles([0, 256, 1024, None]) == ["under 16²", "16²–32²", "32² and more"]
    assert bin_titles([0, 1000, None]) == ["under 1,000", "1,000 and more"]


@pytest.mark.parametrize(
    ("gains", "begins"),
    [
        ([gain(0.09), None, gain(0.02)], "Several scales help small objects most: +9.0 points"),
        ([gain(-0.03), None, gain(-0.09)], "Several scales cost large objects more than small"),
        ([gain(0.02), None, gain(0.09)], "Here several scales help large objects more than small"),
        (
            [gain(0.03), None, gain(0.02)],
            "These images can’t tell whether several scales help small",
        ),
        ([None, None, gain(0.02)], "Too few objects to tell"),
        (
            [gain(0.03), gain(0.3), gain(0.02)],
            "Several scales help objects of 16²–32² px most: +30",
        ),
    ],
)
def test_the_sentence_is_what_the_intervals_say(gains, begins):
    sentence = size_sentence(TITLES, PLENTY, gains, WORDS)
    assert sentence.startswith(begins)
    if None not in (gains[0], gains[-1]):
        first, last = gains[0], gains[-1]
        for title, own in ((TITLES[0], first), (TITLES[-1], last)):
            told = f"{100 * own.ci_low:+.1f} to {100 * own.ci_high:+.1f})"
            assert f"{told} on".replace("-", "−") in sentence.replace(NBSP, " ")
            assert f"of {title} px" in sentence


def test_sizes_of_few_objects_are_not_spoken_of():
    gains = [gain(0.5), gain(0.09), gain(0.02)]
    assert "16²–32²" in size_sentence(TITLES, [3, 100, 100], gains, WORDS)
    assert "under 16²" not in size_sentence(TITLES, [3, 100, 100], gains, WORDS)
    assert size_sentence(TITLES, [3, 3, 100], gains, WORDS).startswith("Too few objects")


def test_a_page_has_a_row_a_size_and_a_line_a_candidate(segmentation):
    (page,) = size_pages(segmentation, segmentation.sizes)
    assert [role.title for role in page.against] == ["single scale", "larger model"]
    assert len(page.rows) == len(segmentation.sizes.num_objects)
    assert [row.num for row in page.rows] == list(segmentation.sizes.num_objects)
    assert len(page.plot.lines) == 3
    for _, _, dots in page.plot.lines:
        for x, y, low, high in dots:
            assert 46 <= x <= 348
            assert high <= y <= low  # down is more in an SVG


def test_where_sizes_are_missing_the_page_says_so(segmentation, run):
    html = sizes_section(replace(segmentation, sizes=None))
    assert "<code>sizes.json</code> is missing from the folder of the run" in html
    assert sizes_section(run) is None
