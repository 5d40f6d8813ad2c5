"""Colours of the page can be read in the light and in the dark (WCAG 2.2 AA)."""

import re
from importlib.resources import files

import pytest

CSS = files("polyscale.report").joinpath("templates/report.css").read_text(encoding="utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    for block in re.findall(r":root \{(.*?)\n *\}", CSS, re.DOTALL)[:2]
)
TEXT = ["ink", "quiet", "accent", "right", "wrong", *(f"text-{i}" for i in range(6))]
MARKS = [f"mark-{i}" for i in range(6)]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_marks_stand_out_from_the_page(theme):
    for name in TEXT:
        assert contrast(theme[name], theme["paper"]) >= 4.5, name
    for name in MARKS:
        assert contrast(theme[name], theme["paper"]) >= 3, name


def test_dark_has_every_colour_of_light():
    assert DARK.keys() == LIGHT.keys()
