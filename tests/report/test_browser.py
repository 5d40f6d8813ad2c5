"""The page as a reader sees it, in headless Chromium."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from polyscale.report import write_report

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATH = next((path for path in map(shutil.which, BROWSERS) if path), None)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(PATH is None, reason=f"needs one of {', '.join(BROWSERS)}"),
]

FIELDS = """
    elements => elements.map(e => [
        e.dataset.candidate, e.dataset.field, Number(e.dataset.value), e.textContent.trim()
    ])
"""
# content that is wider than the page and not in a box that scrolls
OVERFLOW = """
    () => [...document.querySelectorAll('main *')]
        .filter(e => e.getClientRects().length && !e.closest('.scroll, svg, thead'))
        .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
        .map(e => e.tagName + '.' + e.className)
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=PATH, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(params=[1280, 390])
def page(request, browser, run_folder) -> Iterator[Any]:
    """The report at the width of a desk and of a phone; what it logs or fetches is a failure."""
    path = write_report(run_folder)
    page = browser.new_page(viewport={"width": request.param, "height": 900})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda r: said.append(r.url) if not r.url.startswith("data:") else None)
    page.goto(path.as_uri())
    yield page
    assert said == [path.as_uri()]
    page.close()


def test_nothing_is_wider_than_the_page(page):
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(OVERFLOW) == []


def test_numbers_are_those_of_the_results(page, run_folder):
    rows = {r["candidate"]: r for r in json.loads((run_folder / "results.json").read_text())}
    shown = page.eval_on_selector_all("[data-candidate][data-field]", FIELDS)
    assert len(shown) == 11 * len(rows)
    for candidate, field, value, _ in shown:
        assert value == rows[candidate][field]
    accuracies = {c: text for c, field, _, text in shown if field == "value"}
    assert accuracies == {c: f"{100 * r['value']:.1f}\u00a0%" for c, r in rows.items()}


def test_one_chart_is_shown_and_its_text_can_be_read(page):
    (chart,) = (c for c in page.query_selector_all("svg.chart") if c.is_visible())
    heights = chart.eval_on_selector_all(
        "text", "texts => texts.map(t => t.getBoundingClientRect().height)"
    )
    # a line box of 12 px is text of about 10 px
    assert min(heights) >= 12


def test_pictures_load(page):
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    widths = page.eval_on_selector_all("article img", "images => images.map(i => i.naturalWidth)")
    assert len(widths) == 24
    assert min(widths) > 0


def test_details_are_printed_open(page):
    page.emulate_media(media="print")
    visible = "e => e.checkVisibility({contentVisibilityAuto: true})"
    assert page.eval_on_selector("details .contrasts td", visible)
    assert page.eval_on_selector("svg.chart.wide", visible)
    assert not page.eval_on_selector("svg.chart.narrow", visible)
